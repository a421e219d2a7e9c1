//! Statements as callers see them: what the view holds of them, with the content that the journal holds.

use std::collections::{BTreeMap, BTreeSet};

use hansa_journal::Position;
use hansa_proto::ids::StatementId;
use hansa_proto::pb::feed::v1 as pb;
use hansa_view::{Keys, ReadView, ViewError};
use pb::event::Body;
use tonic::Status;

use super::Feed;
use crate::view::Lookup;
use crate::view::index::Place;
use crate::{codec, content, status};

/// Bytes of commits read at once.
const READ_BYTES: usize = 1024 * 1024;

/// A statement of the view.
#[derive(Clone)]
pub(super) struct Bare {
    statement: pb::Statement,
    /// Where its content stands; none: it was erased.
    content: Option<Place>,
}

/// A statement of the view, and where the last event that told it stands.
pub(super) fn bare<K: Keys>(
    lookup: &Lookup<'_, K>,
    statement: pb::Statement,
) -> Result<Bare, ViewError> {
    if statement.redacted_position > 0 {
        return Ok(Bare { statement, content: None });
    }
    let id = StatementId::parse(&statement.name).map_err(ViewError::Value)?;
    let content = lookup.told_at(&id)?.pop();
    Ok(Bare { statement, content })
}

impl Feed {
    /// Statements that a query finds, as they are at one position, with whatever else it finds.
    pub(super) async fn statements<R: Send + 'static>(
        &self,
        look: impl Fn(&ReadView<'_>) -> Result<(Vec<Bare>, R), ViewError> + Clone + Send + 'static,
    ) -> Result<(Vec<pb::Statement>, R, u64), Status> {
        let mut erased = BTreeSet::new();
        loop {
            let look = look.clone();
            let query = self.query(move |keys| Ok((look(keys)?, keys.applied())));
            let ((found, rest), position) = query.await?;
            if let Some(statements) = self.filled(found, position, &mut erased).await? {
                return Ok((statements, rest, position.get()));
            }
        }
    }

    /// Statements with their content; none when some of it was erased since they were found. What was
    /// found erased before they were is not of this history: a redaction that a restored journal gave up.
    async fn filled(
        &self,
        found: Vec<Bare>,
        position: Position,
        erased: &mut BTreeSet<Place>,
    ) -> Result<Option<Vec<pb::Statement>>, Status> {
        let places: Vec<Place> = found.iter().filter_map(|bare| bare.content).collect();
        let mut told = self.told(places, position).await?;
        let known = erased.clone();
        let now = told.iter().filter(|(_, statement)| statement.redacted_position > 0);
        erased.extend(now.map(|(place, _)| *place));
        if !erased.is_subset(&known) {
            return Ok(None);
        }
        let filled = found.into_iter().map(|Bare { statement, content }| {
            match content.and_then(|place| told.remove(&place)) {
                Some(told) => content::with(statement, told),
                None => statement,
            }
        });
        Ok(Some(filled.collect()))
    }

    /// The statements told at some places.
    async fn told(
        &self,
        places: Vec<Place>,
        position: Position,
    ) -> Result<BTreeMap<Place, pb::Statement>, Status> {
        let mut told = BTreeMap::new();
        let mut positions: Vec<Position> =
            places.iter().map(|place| Position::new(place.position)).collect();
        positions.sort_unstable();
        positions.dedup();
        // The view is ahead of what readers may see for a moment.
        self.reader.wait_for(position).await.map_err(|_| status::not_serving())?;
        while !positions.is_empty() {
            let commits = self.reader.read_at(positions.clone(), READ_BYTES).await;
            let commits = commits.map_err(status::journal_failed)?;
            positions.drain(..commits.len());
            for commit in commits {
                let events = codec::decode_events(&commit.body).map_err(status::commit_corrupt)?;
                for event in events {
                    let place = Place { position: event.position, index: event.index };
                    if let Some(Body::StatementBody(statement)) = event.body
                        && places.contains(&place)
                    {
                        told.insert(place, *statement);
                    }
                }
            }
        }
        Ok(told)
    }
}
