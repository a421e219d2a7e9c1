//! The messages of the registry, strict: networks, members, memberships, and patches to them.

mod admission;
mod member;
mod membership;
mod network;
mod patch;

pub use crate::enums::registry::{ChangeKind, ExportKind, ImportOutcome, Statistic};
pub use crate::stored::Recorded;
pub use admission::{Admission, AdmissionMode, ClassRule, Eligibility};
pub use member::{ExternalId, ExternalIdScheme, Member, MemberKind, MemberState, Population};
pub use membership::{
    Certainty, EndReason, Membership, MembershipClass, MembershipState, Role, RoleKind, Term,
};
pub use network::{
    Contribution, Network, NetworkKind, NetworkState, Origin, Relation, RelationKind, Scale, Scope,
};
pub use patch::{MemberPatch, NetworkPatch, TermPatch};
