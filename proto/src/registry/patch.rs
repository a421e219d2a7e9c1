//! Patches: the fields an update mask names, with their new values. Only these are read and checked.
//!
//! A patch is read by the same code as a whole message: what the mask does not name is first replaced
//! by something that cannot be wrong, so that no field has a second set of rules.

use prost_types::FieldMask;

use super::{Member, Network, Term};
use crate::pb::common::v1::Name as NameMessage;
use crate::pb::registry::v1 as pb;
use crate::violation::Violations;

/// The field of a request that names what to change.
const MASK: &str = "update_mask";

macro_rules! patch {
    (
        $(#[$meta:meta])*
        $patch:ident of $resource:ident, else $blank:expr, fields { $($field:ident),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $patch {
            fields: Vec<&'static str>,
            values: $resource,
        }

        impl $patch {
            /// Names of the fields a patch can change.
            pub const FIELDS: &[&str] = &[$(stringify!($field)),+];

            /// From a message of a request and its mask. Violations of the mask are reported for
            /// `update_mask`.
            pub fn parse(
                message: pb::$resource,
                mask: &FieldMask,
                field: &str,
                violations: &mut Violations,
            ) -> Option<$patch> {
                let before = violations.len();
                let fields = masked(mask, Self::FIELDS, violations);
                let mut only_masked: pb::$resource = $blank;
                $( if fields.contains(&stringify!($field)) {
                    only_masked.$field = message.$field;
                } )+
                let values = $resource::parse(only_masked, field, violations)?;
                (violations.len() == before).then_some($patch { fields, values })
            }

            /// Names of the fields it changes.
            pub fn fields(&self) -> &[&'static str] {
                &self.fields
            }

            /// Whether it changes this field.
            pub fn changes(&self, field: &str) -> bool {
                self.fields.contains(&field)
            }
        }

        impl $resource {
            /// This one with the changes of a patch.
            #[must_use]
            pub fn patched(&self, patch: &$patch) -> $resource {
                let mut patched = self.clone();
                $( if patch.changes(stringify!($field)) {
                    patched.$field = patch.values.$field.clone();
                } )+
                patched
            }
        }
    };
}

patch! {
    /// What to change of a network.
    NetworkPatch of Network,
    else pb::Network {
        name: "networks/unchanged".to_owned(),
        names: unchanged_names(),
        kind: pb::NetworkKind::Other as i32,
        ..pb::Network::default()
    },
    fields {
        names, kind, kind_stated, front_type, scale, origin, scope, themes, activities, founded,
        founders, sponsors, seat, stated_member_counts, admission, state, contributions, note,
        sources, countries, m49_regions, readings, benefits,
    }
}

patch! {
    /// What to change of a member.
    MemberPatch of Member,
    else pb::Member {
        name: "members/unchanged".to_owned(),
        names: unchanged_names(),
        kind: pb::MemberKind::Municipality as i32,
        ..pb::Member::default()
    },
    fields {
        names, kind, kind_stated, country, m49_region, m49_subregion, point, populations,
        external_ids, network, predecessors, note, sources, capital, readings,
    }
}

patch! {
    /// What to change of the present term of a membership.
    TermPatch of Term,
    else pb::Term { state: pb::MembershipState::Active as i32, ..pb::Term::default() },
    fields {
        class, roles, grade, representative, applied, invited, charter_signed, joined, left, as_of,
        note, sources, council_voted, readings,
    }
}

fn unchanged_names() -> Vec<NameMessage> {
    vec![NameMessage { text: "unchanged".to_owned(), ..NameMessage::default() }]
}

/// The allowed fields a mask names, each once, in the order of the contract.
fn masked(
    mask: &FieldMask,
    allowed: &'static [&'static str],
    violations: &mut Violations,
) -> Vec<&'static str> {
    if mask.paths.is_empty() {
        violations.push(MASK, format!("is required: name one or more of {}", allowed.join(", ")));
    }
    for path in mask.paths.iter().filter(|path| !allowed.contains(&path.as_str())) {
        let shown: String = path.chars().take(50).collect();
        let allowed = allowed.join(", ");
        violations.push(MASK, format!("`{shown}` cannot be changed, only {allowed}"));
    }
    let named = |field: &&str| mask.paths.iter().any(|path| path == field);
    allowed.iter().copied().filter(named).collect()
}
