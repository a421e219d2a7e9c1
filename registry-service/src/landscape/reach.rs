//! How many networks each member belongs to: listed, and as a table by continent. Both read tallies that
//! are kept with every change, and walk no memberships.

use std::collections::{BTreeMap, BTreeSet};

use hansa_proto::country::Country;
use hansa_proto::ids::MemberId;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{Entry, Keys, ReadView, ViewError};
use prost::Message;

use super::passes::{STEP, networks_of};
use super::tables::Table;
use crate::continent::Continent;
use crate::lists::facts::{Row, Sort};
use crate::lists::filter::Filter;
use crate::lists::parse;
use crate::page::{Page, PageRequest};
use crate::view::{self, tallies};

/// Most networks named of one member.
const NETWORKS_NAMED: usize = 1_000;

/// Rows of the table: from how many networks on.
const STEPS: [(u64, &str); 8] = [
    (0, "0"),
    (1, "1"),
    (2, "2"),
    (3, "3"),
    (4, "4"),
    (5, "5–9"),
    (10, "10–19"),
    (20, "20 and more"),
];

/// Which members are asked for.
pub(super) struct AskedReach {
    countries: BTreeSet<Country>,
    ascending: bool,
    filter: Filter,
    page: PageRequest,
}

impl AskedReach {
    pub(super) fn parse(request: &pb::ListMemberReachRequest) -> Result<AskedReach, Violations> {
        let mut violations = Violations::default();
        let mut countries = BTreeSet::new();
        for (index, code) in request.countries.iter().enumerate() {
            match Country::parse(code) {
                Ok(country) => drop(countries.insert(country)),
                Err(problem) => violations.push(format!("countries[{index}]"), problem),
            }
        }
        let ascending = request.ascending;
        let filter = parse::filter(&request.filter, Sort::Member, &mut violations);
        let list = format!("ListMemberReach {ascending} {countries:?} {}", request.filter);
        let page = PageRequest::parse(
            request.page_size,
            &request.page_token,
            tallies::CONNECTED,
            &list,
            &mut violations,
        );
        // A page goes on at its reach and country: what stands in a token is no index entry until it was read.
        if page.after.as_deref().is_some_and(|after| parts(after).is_err()) {
            violations.push("page_token", "is not a token of this list");
        }
        violations.finish()?;
        Ok(AskedReach { countries, ascending, filter, page })
    }

    /// A page of them.
    pub(super) fn look(
        &self,
        keys: &ReadView<'_>,
    ) -> Result<(Vec<pb::MemberReach>, String), ViewError> {
        let looks = if self.filter.is_all() { self.page.size + 1 } else { STEP };
        let mut entries = self.entries(keys, looks)?;
        let last = (entries.len() == looks).then(|| entries[looks - 1].0.clone());
        if !self.filter.is_all() {
            entries = self.matching(keys, entries)?;
        }
        let page = Page::fill(entries, self.page.size, |key, _| {
            let networks = networks_of(keys, &member(key)?)?;
            let row = pb::MemberReach {
                member: member(key)?.to_string(),
                network_count: view::on_the_wire(networks.len() as u64),
                networks: networks.iter().take(NETWORKS_NAMED).map(ToString::to_string).collect(),
            };
            let bytes = row.encoded_len();
            Ok::<_, ViewError>((row, bytes))
        })?;
        let after = page.more_after.or(last);
        let token = after.map(|key| self.page.token_after(&key)).unwrap_or_default();
        Ok((page.items, token))
    }

    /// Entries of members that match.
    fn matching(&self, keys: &ReadView<'_>, entries: Vec<Entry>) -> Result<Vec<Entry>, ViewError> {
        let mut matching = Vec::new();
        for entry in entries {
            let found = view::member(keys, &member(&entry.0)?)?;
            if found.is_some_and(|found| self.filter.matches(Row::Member(&found))) {
                matching.push(entry);
            }
        }
        Ok(matching)
    }

    /// So many index entries behind the page before, in order.
    fn entries(&self, keys: &ReadView<'_>, looks: usize) -> Result<Vec<Entry>, ViewError> {
        let after = self.page.after.as_deref();
        let continued = after.map(reach).transpose()?;
        let mut reaches: Vec<u64> = tallies::reaches(keys)?.iter().map(|(it, ..)| *it).collect();
        reaches.dedup();
        if !self.ascending {
            reaches.reverse();
        }
        let passed = |reach: &u64| match continued {
            Some(last) if self.ascending => *reach < last,
            Some(last) => *reach > last,
            None => false,
        };
        let mut entries = Vec::new();
        for reach in reaches.into_iter().filter(|reach| !passed(reach)) {
            let after = if continued == Some(reach) { after } else { None };
            for prefix in self.prefixes(reach) {
                entries.extend(keys.scan(&prefix, after, looks - entries.len())?);
                if entries.len() == looks {
                    return Ok(entries);
                }
            }
        }
        Ok(entries)
    }

    fn prefixes(&self, reach: u64) -> Vec<Vec<u8>> {
        match self.countries.is_empty() {
            true => vec![tallies::connected(reach)],
            false => {
                self.countries.iter().map(|it| tallies::connected_of(reach, it.as_str())).collect()
            }
        }
    }
}

/// Reach, country and member of an index entry.
fn parts(key: &[u8]) -> Result<(u64, &str, &str), ViewError> {
    let broken = || ViewError::Value("an index entry leads to no member".to_owned());
    let text = key.strip_prefix(tallies::CONNECTED).and_then(|it| std::str::from_utf8(it).ok());
    let mut parts = text.ok_or_else(broken)?.splitn(3, '/');
    let (Some(reach), Some(country), Some(member)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(broken());
    };
    Ok((reach.parse().map_err(|_| broken())?, country, member))
}

fn reach(key: &[u8]) -> Result<u64, ViewError> {
    parts(key).map(|(reach, ..)| reach)
}

fn member(key: &[u8]) -> Result<MemberId, ViewError> {
    MemberId::from_id(parts(key)?.2).map_err(ViewError::Value)
}

/// Members by how many networks they belong to, and continent.
pub(super) fn reach_by_region(keys: &ReadView<'_>, include_rows: bool) -> Result<Table, ViewError> {
    let rows = STEPS.iter().map(|(_, label)| (*label).to_owned()).collect();
    let columns = Continent::ALL.iter().map(|it| it.as_str().to_owned()).collect();
    let mut table = Table::new(("networks of a member", "region"), rows, columns);
    let mut named = BTreeSet::new();
    for (reach, continent, count) in tallies::reaches(keys)? {
        let names = match include_rows && named.insert(reach) {
            true => members_by_continent(keys, &table, reach)?,
            false => BTreeMap::new(),
        };
        for (continent, names) in names {
            enter(&mut table, reach, continent, 0, names);
        }
        enter(&mut table, reach, continent, count, Vec::new());
    }
    Ok(table)
}

fn enter(
    table: &mut Table,
    reach: u64,
    continent: Option<Continent>,
    count: u64,
    names: Vec<String>,
) {
    match continent {
        Some(continent) => table.add_to_one(cell(reach, continent), count, names),
        None => table.leave_out(count, names),
    }
}

fn cell(reach: u64, continent: Continent) -> (usize, usize) {
    let row = STEPS.iter().rposition(|(from, _)| *from <= reach);
    let column = Continent::ALL.iter().position(|it| *it == continent);
    (row.expect("the first row is of 0"), column.expect("it is one of all"))
}

/// Members that belong to so many networks, as many as the table has room for.
fn members_by_continent(
    keys: &ReadView<'_>,
    table: &Table,
    reach: u64,
) -> Result<BTreeMap<Option<Continent>, Vec<String>>, ViewError> {
    let mut members: BTreeMap<Option<Continent>, Vec<String>> = BTreeMap::new();
    let mut after: Option<Vec<u8>> = None;
    // Country by country: one whose continent has no room left is passed over.
    while let Some(entry) = keys.scan(&tallies::connected(reach), after.as_deref(), 1)?.pop() {
        let country = parts(&entry.0)?.1.to_owned();
        let prefix = tallies::connected_of(reach, &country);
        let known = Country::parse(&country).ok();
        match known {
            Some(country) => {
                let continent = Continent::of_country(country);
                let names = members.entry(continent).or_default();
                let room = match continent {
                    Some(continent) => table.room(cell(reach, continent)),
                    None => table.room_left_out(),
                };
                for (key, _) in keys.scan(&prefix, None, room.saturating_sub(names.len()))? {
                    names.push(member(&key)?.to_string());
                }
            }
            None => of_no_country(keys, &prefix, &mut members)?,
        }
        // `0` comes right behind `/`.
        after = Some([&prefix[..prefix.len() - 1], b"0"].concat());
    }
    Ok(members)
}

/// Members of no country may be on any continent.
fn of_no_country(
    keys: &ReadView<'_>,
    prefix: &[u8],
    members: &mut BTreeMap<Option<Continent>, Vec<String>>,
) -> Result<(), ViewError> {
    for (key, _) in keys.scan(prefix, None, super::tables::NAMES)? {
        let id = member(&key)?;
        let Some(found) = view::member(keys, &id)? else { continue };
        let continent = Continent::of_place(None, &found.m49_region, &found.m49_subregion);
        members.entry(continent).or_default().push(id.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_token_that_leads_to_no_entry_is_refused() {
        let first = AskedReach::parse(&pb::ListMemberReachRequest::default()).unwrap();
        let parsed = |ending: &[u8]| {
            let key = [tallies::CONNECTED, ending].concat();
            let page_token = first.page.token_after(&key);
            AskedReach::parse(&pb::ListMemberReachRequest { page_token, ..Default::default() })
        };
        assert!(parsed(b"3/ES/m").is_ok());
        for ending in [&b"\xff\xff"[..], b"x/ES/m", b"3", b"3/ES", b"-1/ES/m"] {
            assert!(parsed(ending).is_err(), "{ending:?}");
        }
    }
}
