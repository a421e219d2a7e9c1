//! The content of statements that earlier commits told, and what becomes of it: later events tell it
//! again, a redaction erases it. The view does not hold it, the journal does.

use std::collections::BTreeMap;

use bytes::Bytes;
use hansa_journal::{Commit, Erasure, Fault, Position, ReadError, Refused, Slot};
use hansa_proto::feed::EventKind;
use hansa_proto::ids::StatementId;
use hansa_proto::pb::feed::v1 as pb;
use hansa_view::ViewError;
use pb::event::Body;

use super::{FeedMachine, view_failed, view_fault};
use crate::codec;
use crate::content;
use crate::domain::Rejection;
use crate::view::Lookup;
use crate::view::index::Place;

/// Reads a durable commit; blocking, on the writer's thread.
pub(crate) type ReadCommit = Box<dyn Fn(Position) -> Result<Commit, ReadError> + Send>;

/// Where content is found.
pub(super) struct Contents {
    read: ReadCommit,
    /// Bodies of commits of the batch that tell content: they are not in the journal yet.
    staged: BTreeMap<Position, Bytes>,
    /// Commits of which a redaction in the batch, or settled since this was asked for, erases something.
    due: Vec<Position>,
    /// Whether everything that was ever redacted was looked at once.
    looked_back: bool,
}

impl Contents {
    pub(super) fn new(read: ReadCommit) -> Contents {
        Contents { read, staged: BTreeMap::new(), due: Vec::new(), looked_back: false }
    }

    /// The batch is in the journal.
    pub(super) fn settled(&mut self) {
        self.staged.clear();
    }

    /// The batch will never be.
    pub(super) fn discarded(&mut self) {
        self.staged.clear();
        self.due.clear();
    }

    fn event(&self, place: Place) -> Result<pb::Event, Fault> {
        let position = Position::new(place.position);
        let body = match self.staged.get(&position) {
            Some(body) => body.clone(),
            None => {
                let commit = (self.read)(position);
                let unread = "the content of a statement cannot be read";
                commit.map_err(|error| Fault::caused(unread, error))?.body
            }
        };
        let events = codec::decode_events(&body)
            .map_err(|error| Fault::caused("the content of a statement cannot be read", error))?;
        let event = events.into_iter().nth(place.index as usize);
        event.ok_or_else(|| Fault::new(format!("commit {} lost an event", place.position)))
    }
}

impl FeedMachine {
    /// Gives an event about a statement of an earlier commit the content that is told again, or the hash
    /// of the content that is erased.
    pub(super) fn complete(
        &self,
        slot: Slot,
        event: &mut pb::Event,
    ) -> Result<(), Refused<Rejection>> {
        let now = slot.position.get();
        let Some(Body::StatementBody(statement)) = &mut event.body else { return Ok(()) };
        let erased_before = ![0, now].contains(&statement.redacted_position);
        if statement.created_position == now || erased_before {
            return Ok(());
        }
        let told = self.told(&statement.name).map_err(Refused::Fault)?;
        let Some(Body::StatementBody(last)) = told.last().and_then(|event| event.body.as_ref())
        else {
            return Err(Refused::Fault(Fault::new(format!("{} was never told", statement.name))));
        };
        match statement.redacted_position {
            0 => **statement = content::with(std::mem::take(statement), *last.clone()),
            _ => {
                statement.content_sha256 = content::sha256(last);
                event.former = former(event, &told);
            }
        }
        Ok(())
    }

    /// The events that told the content of a statement, oldest first.
    fn told(&self, name: &str) -> Result<Vec<pb::Event>, Fault> {
        let places = self.told_at(name).map_err(|error| view_fault(error, "read"))?;
        places.into_iter().map(|place| self.contents.event(place)).collect()
    }

    fn told_at(&self, name: &str) -> Result<Vec<Place>, ViewError> {
        let id = StatementId::parse(name).map_err(ViewError::Value)?;
        Lookup(&self.staging).told_at(&id)
    }

    /// Takes note of what events of a commit of the batch tell and erase.
    pub(super) fn note(
        &mut self,
        position: Position,
        events: &[pb::Event],
        body: &Bytes,
    ) -> Result<(), Refused<Rejection>> {
        if events.iter().any(|event| content::told(event).is_some()) {
            self.contents.staged.insert(position, body.clone());
        }
        for event in events {
            if let (true, Some(Body::StatementBody(statement))) =
                (event.kind == EventKind::StatementRedacted.to_pb(), &event.body)
            {
                let places = self.told_at(&statement.name).map_err(view_failed)?;
                let positions = places.into_iter().map(|place| Position::new(place.position));
                self.contents.due.extend(positions);
            }
        }
        Ok(())
    }

    /// Commits of which something is to be erased: at first of all that was ever redacted.
    pub(super) fn due(&mut self) -> Result<Vec<Position>, ViewError> {
        let mut due = std::mem::take(&mut self.contents.due);
        if !std::mem::replace(&mut self.contents.looked_back, true) {
            let lookup = Lookup(&self.staging);
            for statement in lookup.redacted()? {
                let places = lookup.told_at(&statement)?.into_iter();
                due.extend(places.map(|place| Position::new(place.position)));
            }
        }
        due.sort_unstable();
        due.dedup();
        Ok(due)
    }

    /// A commit without the content of the statements that are redacted now; none when it has nothing of
    /// it, or has it no more.
    pub(super) fn without_content(&self, commit: &Commit) -> Result<Option<Erasure>, Fault> {
        let corrupt = |corrupt| {
            Fault::caused(format!("commit {} is not of this feed", commit.position), corrupt)
        };
        let mut decoded = codec::decode(commit).map_err(corrupt)?;
        let erased = codec::erase(&mut decoded, |name| self.redacted_position(name))
            .map_err(|error| view_fault(error, "read"))?;
        Ok(erased.then(|| codec::erasure(self.identity, commit.position, decoded)))
    }

    fn redacted_position(&self, name: &str) -> Result<u64, ViewError> {
        let id = StatementId::parse(name).map_err(ViewError::Value)?;
        let statement = Lookup(&self.staging).statement_message(&id)?;
        Ok(statement.map_or(0, |statement| statement.redacted_position))
    }
}

/// What a redaction takes away: what the events that told the content were found by, and it is not.
fn former(event: &pb::Event, told: &[pb::Event]) -> Option<pb::Former> {
    let mut former = pb::Former::default();
    let now: Vec<String> = event.themes.iter().map(|theme| theme.to_lowercase()).collect();
    for earlier in told {
        let themes = earlier.themes.iter();
        add(&mut former.themes, themes.filter(|theme| !now.contains(&theme.to_lowercase())));
        let countries = earlier.countries.iter();
        add(&mut former.countries, countries.filter(|country| !event.countries.contains(country)));
    }
    (former != pb::Former::default()).then_some(former)
}

fn add<'v>(list: &mut Vec<String>, values: impl Iterator<Item = &'v String>) {
    for value in values {
        if !list.contains(value) {
            list.push(value.clone());
        }
    }
}
