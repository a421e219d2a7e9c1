//! Names of resources, as types: one that exists is well formed.
//!
//! An id is 1 to 100 lower case letters, digits and inner hyphens.

use std::fmt;

use crate::limits::{ID_CHARACTERS, REQUEST_ID_CHARACTERS};

macro_rules! resource_id {
    ($(#[$meta:meta])* $name:ident, $collection:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// From its full resource name.
            pub fn parse(name: &str) -> Result<$name, String> {
                let id = name.strip_prefix(concat!($collection, "/")).filter(|id| is_id(id));
                id.map(|id| $name(id.to_owned())).ok_or_else(|| {
                    concat!("must be `", $collection, "/{id}`, the id 1 to 100 lower case letters, \
                        digits and inner hyphens").to_owned()
                })
            }

            /// From its bare id.
            pub fn from_id(id: &str) -> Result<$name, String> {
                if is_id(id) {
                    return Ok($name(id.to_owned()));
                }
                Err("must be 1 to 100 lower case letters, digits and inner hyphens".to_owned())
            }

            /// The bare id.
            pub fn id(&self) -> &str {
                &self.0
            }

            /// The full resource name, made without the machinery of formatting.
            pub fn name(&self) -> String {
                [concat!($collection, "/"), &self.0].concat()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($collection, "/"))?;
                f.write_str(&self.0)
            }
        }
    };
}

resource_id! {
    /// Name of a network, `networks/{id}`.
    NetworkId, "networks"
}
resource_id! {
    /// Name of a member, `members/{id}`.
    MemberId, "members"
}
resource_id! {
    /// Name of a statement, `statements/{id}`.
    StatementId, "statements"
}
resource_id! {
    /// Name of a subscription kept by the feed, `subscriptions/{id}`.
    SubscriptionId, "subscriptions"
}
resource_id! {
    /// Name of a campaign, `campaigns/{id}`.
    CampaignId, "campaigns"
}

/// Name of a membership, `networks/{network}/memberships/{member}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MembershipId {
    /// The network.
    pub network: NetworkId,
    /// The member.
    pub member: MemberId,
}

impl MembershipId {
    /// From its full resource name.
    pub fn parse(name: &str) -> Result<MembershipId, String> {
        let parts =
            name.strip_prefix("networks/").and_then(|rest| rest.split_once("/memberships/"));
        parts
            .and_then(|(network, member)| {
                let network = NetworkId::from_id(network).ok()?;
                let member = MemberId::from_id(member).ok()?;
                Some(MembershipId { network, member })
            })
            .ok_or_else(|| {
                "must be `networks/{network}/memberships/{member}`, each id 1 to 100 lower case \
                 letters, digits and inner hyphens"
                    .to_owned()
            })
    }

    /// The full resource name, made without the machinery of formatting.
    pub fn name(&self) -> String {
        ["networks/", self.network.id(), "/memberships/", self.member.id()].concat()
    }
}

impl fmt::Display for MembershipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/memberships/{}", self.network, self.member.id())
    }
}

/// Name of an event, `events/{position}.{index}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Position of its commit, from 1.
    pub position: u64,
    /// Place within its commit, from 0.
    pub index: u32,
}

impl EventId {
    /// From its full resource name. There is one way to write each.
    pub fn parse(name: &str) -> Result<EventId, String> {
        let parts = name.strip_prefix("events/").and_then(|rest| rest.split_once('.'));
        let event = parts.and_then(|(position, index)| {
            Some(EventId { position: position.parse().ok()?, index: index.parse().ok()? })
        });
        event
            .filter(|event| event.position > 0 && event.to_string() == name)
            .ok_or_else(|| "must be `events/{position}.{index}`, such as `events/12.0`".to_owned())
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "events/{}.{}", self.position, self.index)
    }
}

/// What makes a retry safe: 1 to 100 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// From what a request carries; empty is not one.
    pub fn parse(text: &str) -> Result<RequestId, String> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=REQUEST_ID_CHARACTERS).contains(&text.len()) {
            return Ok(RequestId(text.to_owned()));
        }
        Err(format!("must be 1 to {REQUEST_ID_CHARACTERS} visible ASCII characters"))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A name as the contract writes it: empty for none.
pub(crate) fn name_or_empty<N: fmt::Display>(name: Option<&N>) -> String {
    name.map_or_else(String::new, N::to_string)
}

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=ID_CHARACTERS).contains(&id.len())
        && id.bytes().all(allowed)
        && !id.starts_with('-')
        && !id.ends_with('-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        let network = NetworkId::parse("networks/uclg-africa").unwrap();
        assert_eq!(network.id(), "uclg-africa");
        assert_eq!(network.to_string(), "networks/uclg-africa");
        assert_eq!(NetworkId::from_id("uclg-africa"), Ok(network));
        let name = "networks/aimf/memberships/fr-paris";
        let membership = MembershipId::parse(name).unwrap();
        assert_eq!(membership.member.id(), "fr-paris");
        assert_eq!(membership.to_string(), name);
        let event = EventId::parse("events/12.0").unwrap();
        assert_eq!((event.position, event.index), (12, 0));
        assert_eq!(event.to_string(), "events/12.0");
    }

    #[test]
    fn ids_are_lower_case_letters_digits_and_inner_hyphens() {
        for id in ["a", "9", "a--b", &"a".repeat(ID_CHARACTERS)] {
            assert!(MemberId::from_id(id).is_ok(), "{id}");
        }
        let long = "a".repeat(ID_CHARACTERS + 1);
        for id in ["", "-a", "a-", "A", "a b", "a/b", "é", "a_b", &long] {
            assert!(MemberId::from_id(id).is_err(), "{id}");
            assert!(MemberId::parse(&format!("members/{id}")).is_err(), "{id}");
        }
        for name in ["a", "networks/a", "members", "/members/a", "members/a/b"] {
            assert!(MemberId::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_of_memberships_and_events_have_one_form() {
        for name in ["networks/a/memberships/", "networks//memberships/b", "networks/a/members/b"] {
            assert!(MembershipId::parse(name).is_err(), "{name}");
        }
        for name in ["events/12", "events/0.0", "events/012.0", "events/+1.0", "events/1.-0"] {
            assert!(EventId::parse(name).is_err(), "{name}");
        }
        assert!(EventId::parse("events/18446744073709551615.4294967295").is_ok());
        assert!(EventId::parse("events/18446744073709551616.0").is_err());
    }

    #[test]
    fn request_ids_are_visible_ascii() {
        assert!(RequestId::parse(&"x".repeat(REQUEST_ID_CHARACTERS)).is_ok());
        for text in ["", "a b", "é", "a\n", &"x".repeat(REQUEST_ID_CHARACTERS + 1)] {
            assert!(RequestId::parse(text).is_err(), "{text}");
        }
    }
}
