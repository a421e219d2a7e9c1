//! What is to be recorded: what the rows say, compared with what the registry holds.
//!
//! A row whose membership is held as it says changes nothing. One that says more changes the present
//! term, one that says that it ended ends it, and one of a membership that is not open is a new term. In
//! a snapshot, who is new joined, and who is missing left, at some time since the snapshot before.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use pb::batch_item::Change;

use super::identity::{self, Identities};
use super::layout::{Layout, Snapshot};
use super::{Decisions, Held, Observation, Observed, TableError, Trouble, Unmatched, cells};
use crate::Registry;

/// What a row comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A member is made.
    Create,
    /// A term is recorded.
    Join,
    /// The present term is changed.
    Change,
    /// The present term ends.
    Depart,
    /// It is held so already.
    Unchanged,
}

/// What one row comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// File and line.
    pub at: String,
    /// Names it in the import.
    pub key: String,
    /// What is done.
    pub action: Action,
    /// In words: who and what.
    pub what: String,
    /// The change; none when all is so already.
    pub change: Option<Change>,
}

/// What a table comes to.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is done, in order.
    pub planned: Vec<Planned>,
    /// Who is not known.
    pub unmatched: Vec<Unmatched>,
    /// Rows that cannot be imported.
    pub troubles: Vec<Trouble>,
    /// Who is held and not in a snapshot, but is left as it is, each with why.
    pub left_alone: Vec<String>,
}

/// Plans an import; asks the registry, but changes nothing.
pub async fn plan(
    registry: &Registry,
    held: &Held,
    layout: &Layout,
    observed: &Observed,
    decisions: &Decisions,
    create_missing: bool,
) -> Result<Plan, TableError> {
    let identities =
        identity::identify(registry, held, &observed.observations, decisions, create_missing)
            .await?;
    Ok(Planner::new(held, layout).plan(observed, identities))
}

type Key = (String, String);

struct Planner<'a> {
    held: &'a Held,
    layout: &'a Layout,
    /// Terms as they will be: what is held, and what was planned on top.
    terms: BTreeMap<Key, Vec<pb::Term>>,
    /// Members of the snapshot.
    seen: BTreeSet<String>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn new(held: &'a Held, layout: &'a Layout) -> Planner<'a> {
        let (terms, seen, plan) = (BTreeMap::new(), BTreeSet::new(), Plan::default());
        Planner { held, layout, terms, seen, plan }
    }

    fn plan(mut self, observed: &Observed, identities: Identities) -> Plan {
        self.plan.troubles = observed.troubles.clone();
        for member in identities.new {
            self.create(member);
        }
        for observation in &observed.observations {
            let Some(network) = self.network(&observation.network) else {
                let problem = format!("`{}` is no network that is recorded", observation.network);
                self.plan.troubles.push(Trouble { at: observation.at.clone(), problem });
                continue;
            };
            if let Some(member) = identities.known.get(&identity::cell_of(observation)) {
                self.observe(&network, member, observation);
            }
        }
        self.plan.unmatched = identities.unmatched;
        if let Some(snapshot) = &self.layout.snapshot {
            self.missing(snapshot);
        }
        self.plan
    }

    /// The network of a cell or a header: the one it was named for, or as the registry has it.
    fn network(&self, text: &str) -> Option<NetworkId> {
        let named = self.layout.networks.iter().find(|(header, _)| header == text);
        match named {
            Some((_, network)) => self.held.network(network.id()),
            None => self.held.network(text),
        }
    }

    fn create(&mut self, member: pb::Member) {
        let what = format!("{} is recorded", member.name);
        let key = format!("new-{}", self.plan.planned.len() + 1);
        let request = pb::CreateMemberRequest { member: Some(member), ..Default::default() };
        let change = Some(Change::CreateMember(request));
        self.plan.planned.push(Planned {
            at: String::new(),
            key,
            action: Action::Create,
            what,
            change,
        });
    }

    fn observe(&mut self, network: &NetworkId, member: &MemberId, observation: &Observation) {
        self.seen.insert(member.id().to_owned());
        let (held, terms) = (self.held, &mut self.terms);
        let key = (network.id().to_owned(), member.id().to_owned());
        let terms = terms.entry(key.clone()).or_insert_with(|| {
            held.memberships
                .get(&key)
                .map(|membership| membership.terms.clone())
                .unwrap_or_default()
        });
        let mut stated = observation.term.clone();
        if let Some(snapshot) = &self.layout.snapshot {
            stated.joined = stated.joined.or_else(|| since(snapshot));
        }
        let (action, change) = decide(network, member, terms, stated);
        let dates = match &change {
            Some(Change::RecordMembership(request)) => request.term.as_ref().map(when),
            _ => None,
        };
        self.plan.planned.push(Planned {
            at: observation.at.clone(),
            key: observation.key.clone(),
            action,
            what: format!("{member} in {network}{}", dates.unwrap_or_default()),
            change,
        });
    }

    /// Who is held and not in the snapshot.
    fn missing(&mut self, snapshot: &Snapshot) {
        let proposed: BTreeSet<String> = self
            .plan
            .unmatched
            .iter()
            .flat_map(|unmatched| unmatched.proposals.iter().map(|it| it.member.clone()))
            .collect();
        let network = snapshot.network.id();
        let of_network = self.held.memberships.iter().filter(|((of, _), _)| of == network);
        for ((_, member), membership) in of_network {
            // Who has only applied, or is invited, is on no list of members.
            let Some(term) = membership.terms.last().filter(|term| belongs(term)) else { continue };
            if self.seen.contains(member) || began_after(term, snapshot.date) {
                continue;
            }
            let name = &membership.member;
            let Some(left) = since(snapshot) else {
                let why =
                    "is not in the file; without an earlier snapshot nobody is taken to have left";
                self.plan.left_alone.push(format!("{name} {why}"));
                continue;
            };
            if !self.plan.troubles.is_empty() {
                let why = "is not in the file, of which not every line could be read";
                self.plan.left_alone.push(format!("{name} {why}"));
                continue;
            }
            if proposed.contains(name) {
                let why = "may be meant by a line that nobody has decided on";
                self.plan.left_alone.push(format!("{name} {why}"));
                continue;
            }
            let citation = self.layout.source.as_ref().map(|source| source.citation.as_str());
            let cited = citation.map(|citation| format!(": {citation}")).unwrap_or_default();
            let request = pb::LeaveNetworkRequest {
                name: membership.name.clone(),
                occurred_at: Some(left),
                reason: format!("not in the list of {}{cited}", snapshot.date),
                ..pb::LeaveNetworkRequest::default()
            };
            let dated = cells::of_date(Some(&left));
            self.plan.planned.push(Planned {
                at: String::new(),
                key: format!("missing-{}", self.plan.planned.len() + 1),
                action: Action::Depart,
                what: format!("{name} in networks/{network}, left {dated}"),
                change: Some(Change::LeaveNetwork(request)),
            });
        }
    }
}

/// The interval since the snapshot before.
fn since(snapshot: &Snapshot) -> Option<hansa_proto::pb::common::v1::PartialDate> {
    let interval = snapshot.previous?.until(snapshot.date).ok()?;
    Some(interval.to_pb())
}

fn began_after(term: &pb::Term, date: PartialDate) -> bool {
    let after = |stated: &Option<hansa_proto::pb::common::v1::PartialDate>| {
        let text = cells::of_date(stated.as_ref());
        let from = text.split('/').next().unwrap_or_default();
        from.parse::<PartialDate>().is_ok_and(|stated| stated.earliest() > date.latest())
    };
    after(&term.joined) || after(&term.as_of)
}

fn when(term: &pb::Term) -> String {
    let dates = [("joined", &term.joined), ("left", &term.left), ("as of", &term.as_of)];
    let stated = dates.into_iter().filter(|(_, date)| date.is_some());
    stated.map(|(word, date)| format!(", {word} {}", cells::of_date(date.as_ref()))).collect()
}

fn is_open(term: &pb::Term) -> bool {
    term.state != i32::from(pb::MembershipState::Ended)
}

fn belongs(term: &pb::Term) -> bool {
    matches!(term.state(), pb::MembershipState::Active | pb::MembershipState::Suspended)
}

/// What a stated term comes to beside those there are, which are kept up to date.
fn decide(
    network: &NetworkId,
    member: &MemberId,
    terms: &mut Vec<pb::Term>,
    stated: pb::Term,
) -> (Action, Option<Change>) {
    let same = |term: &pb::Term| {
        term.state == stated.state && differing(&stated, term).iter().all(|it| *it == "as_of")
    };
    if terms.iter().any(same) {
        return (Action::Unchanged, None);
    }
    let name = format!("{network}/memberships/{}", member.id());
    let Some(present) = terms.last_mut().filter(|term| is_open(term)) else {
        terms.push(stated.clone());
        let request = pb::RecordMembershipRequest {
            network: network.to_string(),
            member: member.to_string(),
            term: Some(stated),
            ..pb::RecordMembershipRequest::default()
        };
        return (Action::Join, Some(Change::RecordMembership(request)));
    };
    if !is_open(&stated) {
        present.state = stated.state;
        let request = pb::LeaveNetworkRequest {
            name,
            occurred_at: stated.left,
            reason: stated.reason,
            expelled: stated.end_reason == i32::from(pb::EndReason::Expelled),
            ..pb::LeaveNetworkRequest::default()
        };
        return (Action::Depart, Some(Change::LeaveNetwork(request)));
    }
    let mut paths: Vec<String> = differing(&stated, present)
        .into_iter()
        .filter(|it| *it != "as_of")
        .map(str::to_owned)
        .collect();
    if paths.is_empty() {
        // Only its state is another one, which no table can change.
        return (Action::Unchanged, None);
    }
    let mut sources = present.sources.clone();
    let new = stated.sources.iter().filter(|source| !present.sources.contains(source));
    sources.extend(new.cloned());
    paths.push("sources".to_owned());
    let term = pb::Term { sources, state: 0, ..stated };
    let request = pb::ChangeMembershipRequest {
        name,
        term: Some(term),
        update_mask: Some(prost_types::FieldMask { paths }),
        ..pb::ChangeMembershipRequest::default()
    };
    (Action::Change, Some(Change::ChangeMembership(request)))
}

/// Fields that are stated and are not so in a term. When it is held that somebody joined at a day, a
/// year or an interval around it says nothing new.
fn differing(stated: &pb::Term, term: &pb::Term) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut note = |field, differs: bool| {
        if differs {
            fields.push(field);
        }
    };
    note("class", stated.class != 0 && stated.class != term.class);
    note("roles", !stated.roles.is_empty() && stated.roles != term.roles);
    note("grade", !stated.grade.is_empty() && stated.grade != term.grade);
    let representative = &stated.representative;
    note("representative", !representative.is_empty() && *representative != term.representative);
    note("applied", stated.applied.is_some() && stated.applied != term.applied);
    note("invited", stated.invited.is_some() && stated.invited != term.invited);
    note(
        "council_voted",
        stated.council_voted.is_some() && stated.council_voted != term.council_voted,
    );
    let signed = &stated.charter_signed;
    note("charter_signed", signed.is_some() && *signed != term.charter_signed);
    let interval = stated.joined.as_ref().is_some_and(|date| date.latest.is_some());
    note("joined", stated.joined.is_some() && !interval && stated.joined != term.joined);
    note("left", stated.left.is_some() && stated.left != term.left);
    note("as_of", stated.as_of.is_some() && stated.as_of != term.as_of);
    note("end_reason", stated.end_reason != 0 && stated.end_reason != term.end_reason);
    note("note", !stated.note.is_empty() && stated.note != term.note);
    fields
}
