//! The same tables out of the registry: long and wide CSV, and JSON Lines that hold everything.

use hansa_proto::pb::common::v1::{Name, NameKind};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{ExternalIdScheme, MemberKind, MemberState, NetworkKind, NetworkState};
use pb::export_response::Message;

use super::layout::Part;
use super::{Grades, TableError, cells, resources};
use crate::Registry;

/// Everything of some kinds at one position.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// The position.
    pub position: u64,
    /// Networks by name.
    pub networks: Vec<pb::Network>,
    /// Members by name.
    pub members: Vec<pb::Member>,
    /// Memberships by network and member.
    pub memberships: Vec<pb::Membership>,
}

/// Asks the registry for an export. `progress` learns how many rows have come.
pub async fn exported(
    registry: &Registry,
    request: pb::ExportRequest,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Exported, TableError> {
    let mut messages = registry.registry.clone().export(request).await?.into_inner();
    let (mut exported, mut whole, mut rows) = (Exported::default(), false, 0);
    while let Some(message) = messages.message().await? {
        match message.message {
            Some(Message::Header(header)) => exported.position = header.position,
            Some(Message::Rows(page)) => {
                let count = page.networks.len() + page.members.len() + page.memberships.len();
                rows += u64::try_from(count).unwrap_or_default();
                exported.networks.extend(page.networks);
                exported.members.extend(page.members);
                exported.memberships.extend(page.memberships);
                progress(rows);
            }
            Some(Message::End(_)) => whole = true,
            None => {}
        }
    }
    match whole {
        true => Ok(exported),
        false => Err(TableError::Unfinished),
    }
}

/// A long table: a row for every term.
pub fn long(memberships: &[pb::Membership]) -> String {
    let parts: Vec<Part> = Part::ALL.iter().copied().filter(|part| !of_clue(*part)).collect();
    let mut rows = vec![parts.iter().map(|part| part.as_str().to_owned()).collect()];
    for membership in memberships {
        for term in &membership.terms {
            rows.push(parts.iter().map(|part| cell(*part, membership, term)).collect());
        }
    }
    csv(&rows)
}

/// What only helps to find a member that is not named by its id.
const fn of_clue(part: Part) -> bool {
    matches!(
        part,
        Part::Country
            | Part::Geonames
            | Part::Wikidata
            | Part::UnLocode
            | Part::Latitude
            | Part::Longitude
    )
}

fn cell(part: Part, membership: &pb::Membership, term: &pb::Term) -> String {
    match part {
        Part::Network => membership.network.clone(),
        Part::Member => membership.member.clone(),
        Part::State => cells::of_state(term.state),
        Part::Class => cells::of_class(term.class),
        Part::Roles => cells::of_roles(&term.roles),
        Part::Grade => term.grade.clone(),
        Part::Representative => term.representative.clone(),
        Part::Applied => cells::of_date(term.applied.as_ref()),
        Part::Invited => cells::of_date(term.invited.as_ref()),
        Part::CouncilVoted => cells::of_date(term.council_voted.as_ref()),
        Part::CharterSigned => cells::of_date(term.charter_signed.as_ref()),
        Part::Joined => cells::of_date(term.joined.as_ref()),
        Part::Left => cells::of_date(term.left.as_ref()),
        Part::AsOf => cells::of_date(term.as_of.as_ref()),
        Part::EndReason => cells::of_end_reason(term.end_reason),
        Part::Reason => term.reason.clone(),
        Part::Note => term.note.clone(),
        Part::Sources => cells::of_sources(&term.sources),
        Part::Country
        | Part::Geonames
        | Part::Wikidata
        | Part::UnLocode
        | Part::Latitude
        | Part::Longitude => String::new(),
    }
}

/// A wide table: a row for every member, a column for every network, the grade of who belongs now.
pub fn wide(exported: &Exported, grades: &Grades) -> String {
    let mut header = vec!["member".to_owned(), "name".to_owned(), "country".to_owned()];
    header.extend(exported.networks.iter().map(|network| network.name.clone()));
    let belongs = |term: &&pb::Term| {
        matches!(term.state(), pb::MembershipState::Active | pb::MembershipState::Suspended)
    };
    let present: std::collections::BTreeMap<(&str, &str), &pb::Term> = exported
        .memberships
        .iter()
        .filter_map(|it| {
            let term = it.terms.last().filter(belongs)?;
            Some(((it.member.as_str(), it.network.as_str()), term))
        })
        .collect();
    let mut rows = vec![header];
    for member in &exported.members {
        let mut row = vec![member.name.clone(), shown(&member.names), member.country.clone()];
        row.extend(exported.networks.iter().map(|network| {
            let term = present.get(&(member.name.as_str(), network.name.as_str()));
            let grade = term.map(|term| grades.cell_of(term).unwrap_or("1"));
            grade.unwrap_or("0").to_owned()
        }));
        rows.push(row);
    }
    csv(&rows)
}

/// A table of members: what fits into cells.
pub fn members(members: &[pb::Member]) -> String {
    let header = [
        "member",
        "name",
        "other_names",
        "kind",
        "country",
        "state",
        "latitude",
        "longitude",
        "geonames",
        "wikidata",
        "un_locode",
        "sources",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for member in members {
        let degrees = |of: fn(&hansa_proto::pb::common::v1::GeoPoint) -> f64| {
            member.point.as_ref().map(|point| of(point).to_string()).unwrap_or_default()
        };
        let id = |scheme: ExternalIdScheme| {
            let found = member.external_ids.iter().find(|id| id.scheme == scheme.to_pb());
            found.map(|id| id.value.clone()).unwrap_or_default()
        };
        rows.push(vec![
            member.name.clone(),
            shown(&member.names),
            others(&member.names),
            MemberKind::from_pb(member.kind).map_or("", MemberKind::as_str).to_owned(),
            member.country.clone(),
            MemberState::from_pb(member.state).map_or("", MemberState::as_str).to_owned(),
            degrees(|point| point.latitude),
            degrees(|point| point.longitude),
            id(ExternalIdScheme::Geonames),
            id(ExternalIdScheme::Wikidata),
            id(ExternalIdScheme::UnLocode),
            cells::of_sources(&member.sources),
        ]);
    }
    csv(&rows)
}

/// A table of networks: what fits into cells.
pub fn networks(networks: &[pb::Network]) -> String {
    let header = [
        "network",
        "name",
        "other_names",
        "kind",
        "state",
        "founded",
        "ended",
        "themes",
        "active_members",
        "sources",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for network in networks {
        rows.push(vec![
            network.name.clone(),
            shown(&network.names),
            others(&network.names),
            NetworkKind::from_pb(network.kind).map_or("", NetworkKind::as_str).to_owned(),
            NetworkState::from_pb(network.state).map_or("", NetworkState::as_str).to_owned(),
            cells::of_date(network.founded.as_ref()),
            cells::of_date(network.ended.as_ref()),
            network.themes.join(";"),
            network.active_member_count.to_string(),
            cells::of_sources(&network.sources),
        ]);
    }
    csv(&rows)
}

/// JSON Lines: everything, a resource a line.
pub fn json_lines(exported: &Exported) -> String {
    let networks = exported.networks.iter().map(resources::network_line);
    let members = exported.members.iter().map(resources::member_line);
    let memberships = exported.memberships.iter().map(resources::membership_line);
    let lines = networks.chain(members).chain(memberships);
    lines.map(|line| line + "\n").collect()
}

fn shown(names: &[Name]) -> String {
    let official =
        names.iter().find(|name| matches!(name.kind(), NameKind::Official | NameKind::Unspecified));
    official.or(names.first()).map(|name| name.text.clone()).unwrap_or_default()
}

fn others(names: &[Name]) -> String {
    let shown = shown(names);
    let others = names.iter().map(|name| name.text.as_str()).filter(|text| *text != shown);
    others.collect::<Vec<_>>().join(";")
}

fn csv(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("every row is as long as the header, and memory takes it");
    }
    let bytes = writer.into_inner().expect("memory takes what is left");
    String::from_utf8(bytes).expect("cells are text")
}
