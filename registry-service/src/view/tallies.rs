//! What the statistics need to know of memberships without walking them: where the members of a network
//! are, and how many networks each member belongs to.
//!
//! | key | value | says |
//! | --- | --- | --- |
//! | `spread/{network}/{m49}` | u64 | memberships that are or were, of members of the continent |
//! | `reach/{member}` | u64 | networks it belongs to now |
//! | `connected/{reach}/{country}/{member}` | nothing | who belongs to so many; six digits; `-`: no country |
//! | `total/reach/{reach}/{m49}` | u64 | members that belong to so many; `-`: on no known continent |
//!
//! Members that are retired are in `reach` only.

use hansa_proto::country::Country;
use hansa_proto::ids::{MemberId, MembershipId, NetworkId};
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{EndReason, MemberState, MembershipState};
use hansa_view::{Keys, Staging, ViewError};

use super::{Key, SCAN, Value, add, content, key, memberships_of_member, number, stored};
use crate::continent::Continent;
use crate::domain;

/// Prefix of members by how many networks they belong to.
pub(crate) const CONNECTED: &[u8] = b"connected/";
const TOTAL_REACH: &[u8] = b"total/reach/";

/// Prefix of the members of all countries that belong to so many networks.
pub(crate) fn connected(reach: u64) -> Vec<u8> {
    key(&["connected/", &six_digits(reach), "/"]).into_vec()
}

/// Prefix of the members of a country that belong to so many networks.
pub(crate) fn connected_of(reach: u64, country: &str) -> Vec<u8> {
    key(&["connected/", &six_digits(reach), "/", country, "/"]).into_vec()
}

fn six_digits(reach: u64) -> String {
    format!("{reach:06}")
}

fn reach_key(id: &MemberId) -> Key {
    key(&["reach/", id.id()])
}

fn spread_key(id: &NetworkId, continent: Continent) -> Key {
    key(&["spread/", id.id(), "/", continent.m49()])
}

/// Continents on which a network has or had members.
pub(crate) fn spread(keys: &dyn Keys, id: &NetworkId) -> Result<Vec<Continent>, ViewError> {
    let mut continents = Vec::new();
    for continent in Continent::ALL {
        if number(keys, &spread_key(id, continent))? > 0 {
            continents.push(continent);
        }
    }
    Ok(continents)
}

/// How many members there are that belong to so many networks, by continent.
pub(crate) fn reaches(keys: &dyn Keys) -> Result<Vec<(u64, Option<Continent>, u64)>, ViewError> {
    let unreadable = || ViewError::Value("a total of members does not say of which".to_owned());
    let mut reaches = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let entries = keys.scan(TOTAL_REACH, after.as_deref(), SCAN)?;
        let Some((last, _)) = entries.last() else { return Ok(reaches) };
        after = Some(last.clone());
        for (key, value) in &entries {
            let text = key.strip_prefix(TOTAL_REACH).and_then(|it| std::str::from_utf8(it).ok());
            let (reach, m49) = text.and_then(|it| it.split_once('/')).ok_or_else(unreadable)?;
            let reach = reach.parse().map_err(|_| unreadable())?;
            let continent = Continent::ALL.into_iter().find(|it| it.m49() == m49);
            let count = super::decoded_number(content(value)?)?;
            if count > 0 {
                reaches.push((reach, continent, count));
            }
        }
    }
}

/// Whether an index entry of a member says that it belongs now.
pub(crate) fn belongs_now(value: &[u8]) -> Result<bool, ViewError> {
    match content(value)? {
        [0] => Ok(false),
        [1] => Ok(true),
        _ => Err(ViewError::Value("an index entry has not 1 byte of 0 or 1".to_owned())),
    }
}

/// Index entry of a membership, by member.
pub(super) fn belonging(membership: &pb::Membership) -> Value {
    stored(&[u8::from(belongs(membership))])
}

fn belongs(membership: &pb::Membership) -> bool {
    MembershipState::from_pb(membership.state).is_some_and(domain::is_active)
}

/// Whether the member belongs or ever did.
fn belonged(membership: &pb::Membership) -> bool {
    membership.terms.iter().any(|term| match MembershipState::from_pb(term.state) {
        Some(MembershipState::Active | MembershipState::Suspended) => true,
        Some(MembershipState::Ended) => {
            EndReason::from_pb(term.end_reason) != Some(EndReason::Rejected)
        }
        Some(MembershipState::Applied | MembershipState::Invited) | None => false,
    })
}

/// What the tallies know of a member that is not retired.
struct Standing<'m> {
    id: &'m MemberId,
    reach: u64,
    country: &'m str,
    continent: Option<Continent>,
}

impl<'m> Standing<'m> {
    fn of(
        id: &'m MemberId,
        member: &'m Placed,
        continent: Option<Continent>,
        reach: u64,
    ) -> Option<Standing<'m>> {
        (MemberState::from_pb(member.state) != Some(MemberState::Retired)).then(|| Standing {
            id,
            reach,
            country: if member.country.is_empty() { "-" } else { &member.country },
            continent,
        })
    }

    fn enter(&self, staging: &mut Staging) -> Result<(), ViewError> {
        let (connected, total) = self.keys();
        staging.put(connected, stored(&[]));
        add(staging, total, 1).map(drop)
    }

    fn withdraw(&self, staging: &mut Staging) -> Result<(), ViewError> {
        let (connected, total) = self.keys();
        staging.delete(&connected);
        add(staging, total, -1).map(drop)
    }

    /// Where it stands by itself, and where it is counted.
    fn keys(&self) -> (Key, Key) {
        let reach = six_digits(self.reach);
        let connected = key(&["connected/", &reach, "/", self.country, "/", self.id.id()]);
        (connected, key(&["total/reach/", &reach, "/", self.continent.map_or("-", Continent::m49)]))
    }
}

/// What the tallies read of a stored `Member`: its fields of these numbers, and no others.
#[derive(Clone, PartialEq, prost::Message)]
struct Placed {
    #[prost(string, tag = "5")]
    country: String,
    #[prost(string, tag = "6")]
    m49_region: String,
    #[prost(string, tag = "7")]
    m49_subregion: String,
    #[prost(enumeration = "pb::MemberState", tag = "13")]
    state: i32,
}

impl Placed {
    fn of(member: &pb::Member) -> Placed {
        Placed {
            country: member.country.clone(),
            m49_region: member.m49_region.clone(),
            m49_subregion: member.m49_subregion.clone(),
            state: member.state,
        }
    }

    fn continent(&self) -> Option<Continent> {
        let country = Country::parse(&self.country).ok();
        Continent::of_place(country, &self.m49_region, &self.m49_subregion)
    }
}

/// Keeps up with a member that is new or changed.
pub(super) fn member_changed(
    staging: &mut Staging,
    id: &MemberId,
    before: Option<&pb::Member>,
    after: &pb::Member,
) -> Result<(), ViewError> {
    let reach = match before {
        Some(_) => number(staging, &reach_key(id))?,
        None => 0,
    };
    let (before, after) = (before.map(Placed::of), Placed::of(after));
    let (left, entered) = (before.as_ref().map(Placed::continent), after.continent());
    if let (Some(before), Some(left)) = (&before, left)
        && let Some(standing) = Standing::of(id, before, left, reach)
    {
        standing.withdraw(staging)?;
    }
    if let Some(standing) = Standing::of(id, &after, entered, reach) {
        standing.enter(staging)?;
    }
    match left {
        Some(left) if left != entered => moved(staging, left, id, entered),
        _ => Ok(()),
    }
}

/// Its memberships count on another continent now.
fn moved(
    staging: &mut Staging,
    left: Option<Continent>,
    id: &MemberId,
    entered: Option<Continent>,
) -> Result<(), ViewError> {
    let prefix = memberships_of_member(id);
    let mut after: Option<Vec<u8>> = None;
    loop {
        let entries = staging.scan(&prefix, after.as_deref(), SCAN)?;
        let Some((last, _)) = entries.last() else { return Ok(()) };
        after = Some(last.clone());
        for (key, _) in &entries {
            let membership = super::indexed_membership(staging, key)?;
            if !belonged(&membership) {
                continue;
            }
            let network = super::indexed(key)?.network;
            if let Some(left) = left {
                add(staging, spread_key(&network, left), -1)?;
            }
            if let Some(entered) = entered {
                add(staging, spread_key(&network, entered), 1)?;
            }
        }
    }
}

/// Keeps up with a membership that is new or changed.
pub(super) fn membership_changed(
    staging: &mut Staging,
    id: &MembershipId,
    before: Option<&pb::Membership>,
    after: &pb::Membership,
) -> Result<(), ViewError> {
    let came = i64::from(belonged(after)) - i64::from(before.is_some_and(belonged));
    let gained = i64::from(belongs(after)) - i64::from(before.is_some_and(belongs));
    if came == 0 && gained == 0 {
        return Ok(());
    }
    let MembershipId { network, member: id } = id;
    let member: Placed = super::message_at(staging, &super::member_key(id))?
        .ok_or_else(|| ViewError::Value("a membership has no member".to_owned()))?;
    let continent = member.continent();
    if let (true, Some(continent)) = (came != 0, continent) {
        add(staging, spread_key(network, continent), came)?;
    }
    if gained == 0 {
        return Ok(());
    }
    let (reach, reached) = add(staging, reach_key(id), gained)?;
    let Some(mut standing) = Standing::of(id, &member, continent, reach) else { return Ok(()) };
    standing.withdraw(staging)?;
    standing.reach = reached;
    standing.enter(staging)
}
