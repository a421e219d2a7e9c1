//! What a row of members.csv becomes: a member.
//!
//! The numeric code of its country and the names of its regions are not kept: ISO 3166 and UN M49
//! give them for the codes that are.

use hansa_proto::pb::common::v1::{GeoPoint, NameKind, Source};
use hansa_proto::pb::registry::v1::{
    CreateMemberRequest, ExternalId, ExternalIdScheme, Member, MemberKind, Population,
};

use super::beside::Beside;
use super::cells::{Cells, Note, name, official_name, source};
use super::problem::Problems;
use super::read::{MemberRow, Row};
use super::step::{Fact, Kind, Step, Write, member_name};
use super::words;

pub(super) fn step(row: &Row<MemberRow>, beside: &Beside<'_>, problems: &mut Problems) -> Step {
    let mut cells = Cells { at: &row.at, problems };
    let cell = &row.cells;
    let kind =
        cells.word("kind", &cell.kind, words::MEMBER_KINDS).unwrap_or(MemberKind::Municipality);
    let mut names = vec![official_name(&cell.name)];
    if !cell.geonames_name.is_empty() && cell.geonames_name != cell.name {
        names.push(name(&cell.geonames_name, NameKind::Alias));
    }
    let name = member_name(&cell.member_id);
    let sources = source(&cell.source, &cell.source_url).into_iter().collect();
    let member = Member {
        readings: beside.readings(&name),
        name,
        names,
        kind: kind.into(),
        kind_stated: cell.kind.clone(),
        country: cell.country.clone(),
        m49_region: cell.m49_region_code.clone(),
        m49_subregion: cell.m49_subregion_code.clone(),
        point: point(&mut cells, cell),
        populations: population(&mut cells, cell).into_iter().collect(),
        external_ids: geonames_id(cell).into_iter().collect(),
        note: note(&mut cells, cell),
        sources: beside.cited(&mut cells, &cell.literature, sources),
        ..Default::default()
    };
    let request = CreateMemberRequest { member: Some(member), ..Default::default() };
    Step::new(&row.at, Kind::Member, None, Write::CreateMember(Box::new(request)))
        .makes([Fact::Member(cell.member_id.clone())])
}

fn point(cells: &mut Cells<'_>, cell: &MemberRow) -> Option<GeoPoint> {
    if cell.latitude.is_empty() != cell.longitude.is_empty() {
        cells.problem("latitude", "a point needs both `latitude` and `longitude`");
        return None;
    }
    let latitude = cells.number("latitude", &cell.latitude);
    let longitude = cells.number("longitude", &cell.longitude);
    Some(GeoPoint { latitude: latitude?, longitude: longitude? })
}

fn population(cells: &mut Cells<'_>, cell: &MemberRow) -> Option<Population> {
    let count = cells.number("population", &cell.population)?;
    let geonames = Source {
        citation: "GeoNames".to_owned(),
        uri: "https://www.geonames.org/".to_owned(),
        note: String::new(),
    };
    Some(Population { count, as_of: None, sources: vec![geonames] })
}

fn geonames_id(cell: &MemberRow) -> Option<ExternalId> {
    (!cell.geonames_id.is_empty()).then(|| ExternalId {
        scheme: ExternalIdScheme::Geonames.into(),
        value: cell.geonames_id.clone(),
        label: cell.geonames_name.clone(),
    })
}

fn note(cells: &mut Cells<'_>, cell: &MemberRow) -> String {
    for (column, code, name) in [
        ("m49_region", &cell.m49_region_code, &cell.m49_region),
        ("m49_subregion", &cell.m49_subregion_code, &cell.m49_subregion),
        ("country_m49", &cell.country, &cell.country_m49),
    ] {
        if code.is_empty() != name.is_empty() {
            cells.problem(column, "its code and what the code stands for must be given together");
        }
    }
    let mut note = Note::of(&cell.note);
    let intermediate = format!("{} {}", cell.m49_intermediate_code, cell.m49_intermediate);
    note.labelled("M49 intermediate region", intermediate.trim());
    note.text()
}
