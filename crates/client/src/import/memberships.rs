//! What a row of memberships.csv becomes: one term of a member in a network.

use hansa_proto::date::PartialDate;
use hansa_proto::pb::registry::v1::{
    EndReason, MembershipClass, MembershipState, RecordMembershipRequest, Role, Term,
};

use super::beside::{Beside, term_name};
use super::cells::{Cells, Note, source, sources_by_address, split};
use super::problem::Problems;
use super::read::{MembershipRow, Row};
use super::step::{Fact, Kind, Step, Write, member_name, network_name};
use super::words;

pub(super) fn step(row: &Row<MembershipRow>, beside: &Beside<'_>, problems: &mut Problems) -> Step {
    let mut cells = Cells { at: &row.at, problems };
    let cell = &row.cells;
    let number = term_number(&mut cells, cell);
    let dates = Dates {
        joined: cells.date("joined", &cell.joined, &cell.joined_precision),
        left: cells.date("left", &cell.left, &cell.left_precision),
        as_of: cells.date("as_of", &cell.as_of, &cell.as_of_precision),
    };
    let (state, end_reason) = cells
        .word("status", &cell.status, words::MEMBERSHIP_STATUSES)
        .unwrap_or((MembershipState::Active, EndReason::Unspecified));
    let class =
        cells.word("class", &cell.class, words::CLASSES).unwrap_or(MembershipClass::Unspecified);
    if state != MembershipState::Ended && dates.left.is_some() {
        cells.problem("left", format!("is given although the status is `{}`", cell.status));
    }
    let term = Term {
        state: state.into(),
        class: class.into(),
        roles: roles(&cell.role),
        grade: cell.grade.clone(),
        representative: cell.representative.clone(),
        joined: dates.joined.map(|date| date.to_pb()),
        left: dates.left.map(|date| date.to_pb()),
        as_of: dates.as_of.map(|date| date.to_pb()),
        end_reason: end_reason.into(),
        readings: beside.readings(&term_name(&cell.network_id, &cell.member_id, number)),
        note: note(cell),
        sources: source(&cell.source, &cell.source_url)
            .into_iter()
            .chain(sources_by_address(&cell.other_sources))
            .collect(),
        ..Default::default()
    };
    let write = record(&cell.network_id, &cell.member_id, term);
    let step = Step::new(&row.at, Kind::Membership, dates.of_the_event(), write);
    belonging(step, &cell.network_id, &cell.member_id, number, state)
}

pub(super) fn record(network_id: &str, member_id: &str, term: Term) -> Write {
    Write::RecordMembership(Box::new(RecordMembershipRequest {
        network: network_name(network_id),
        member: member_name(member_id),
        term: Some(term),
        ..Default::default()
    }))
}

/// A term needs its network and member and the term before; one that has not ended needs the
/// network open.
pub(super) fn belonging(
    step: Step,
    network_id: &str,
    member_id: &str,
    number: u32,
    state: MembershipState,
) -> Step {
    let (network, member) = (network_id.to_owned(), member_id.to_owned());
    let term = |number| Fact::Term { network: network.clone(), member: member.clone(), number };
    let step = step
        .needs([Fact::Network(network.clone()), Fact::Member(member.clone())])
        .needs((number > 1).then(|| term(number - 1)))
        .makes([term(number)]);
    match state {
        MembershipState::Ended => step,
        _ => step.makes([Fact::NetworkUsed(network)]),
    }
}

/// The key is `{member}@{network}`, and `:2` behind it for who came back.
fn term_number(cells: &mut Cells<'_>, cell: &MembershipRow) -> u32 {
    let pair = format!("{}@{}", cell.member_id, cell.network_id);
    let number = match cell.membership_id.strip_prefix(&pair) {
        Some("") => Some(1),
        Some(rest) => rest.strip_prefix(':').and_then(|number| number.parse().ok()),
        None => None,
    };
    if number.is_none_or(|number| number == 0) {
        let problem = format!("must be `{pair}`, or `{pair}:2` for a second term");
        cells.problem("membership_id", problem);
    }
    number.unwrap_or(1)
}

struct Dates {
    joined: Option<PartialDate>,
    left: Option<PartialDate>,
    as_of: Option<PartialDate>,
}

impl Dates {
    /// When it began, or else for when it is stated, or else when it ended.
    fn of_the_event(&self) -> Option<PartialDate> {
        self.joined.or(self.as_of).or(self.left)
    }
}

fn roles(text: &str) -> Vec<Role> {
    let role = |stated: String| Role { kind: words::role_kind(&stated).into(), stated };
    split(text).into_iter().map(role).collect()
}

fn note(cell: &MembershipRow) -> String {
    let mut note = Note::of(&cell.note);
    if cell.class == "accredited" {
        note.line("Class in the source: accredited");
    }
    note.text()
}
