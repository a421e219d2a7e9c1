//! A membership, strict: its terms, and the roles held in them.

pub use crate::enums::registry::{
    Certainty, EndReason, MembershipClass, MembershipState, RoleKind,
};

use crate::common::{Reading, Source};
use crate::date::PartialDate;
use crate::fields::Fields;
use crate::ids::{MemberId, MembershipId, NetworkId};
use crate::limits::*;
use crate::path::Path;
use crate::pb::registry::v1 as pb;
use crate::reading;
use crate::stored::{self, Corrupt, Recorded};
use crate::violation::Violations;

/// That a member belongs, belonged or asks to belong to a network. Who left can come back: each
/// stay is a term, and all are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Its name: the network and the member.
    pub id: MembershipId,
    /// All terms, oldest first. The last one is the present one; there is always one.
    pub terms: Vec<Term>,
    /// What the registry writes down with it.
    pub recorded: Recorded,
}

impl Membership {
    /// The network.
    pub fn network(&self) -> &NetworkId {
        &self.id.network
    }

    /// The member.
    pub fn member(&self) -> &MemberId {
        &self.id.member
    }

    /// The present term.
    pub fn current(&self) -> &Term {
        self.terms.last().expect("a membership has a term from the start")
    }

    /// The present term, to change.
    pub fn current_mut(&mut self) -> &mut Term {
        self.terms.last_mut().expect("a membership has a term from the start")
    }

    /// The state of the present term.
    pub fn state(&self) -> MembershipState {
        self.current().state
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Membership {
        pb::Membership {
            name: self.id.name(),
            network: self.id.network.name(),
            member: self.id.member.name(),
            state: self.state().to_pb(),
            terms: self.terms.iter().map(Term::to_pb).collect(),
            etag: self.recorded.etag(),
            created_position: self.recorded.created_position,
            updated_position: self.recorded.updated_position,
            created_at: stored::timestamp(self.recorded.created_at_micros),
            updated_at: stored::timestamp(self.recorded.updated_at_micros),
        }
    }

    /// From our own stored message, with what the registry set. Requests carry terms, never whole
    /// memberships.
    pub fn from_stored(message: pb::Membership) -> Result<Membership, Corrupt> {
        stored::read(message, |message, fields| {
            let recorded = Recorded::from(&message);
            let id = fields.required_name("name", &message.name, MembershipId::parse);
            if message.terms.is_empty() {
                fields.refuse("terms", "needs at least one term");
            }
            let terms = fields.list("terms", message.terms, TERMS, Term::read);
            Some(Membership { id: id?, terms, recorded })
        })
    }
}

/// One stay of a member in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Where this term is in its life.
    pub state: MembershipState,
    /// Class of membership. None means that the source does not say.
    pub class: Option<MembershipClass>,
    /// Roles held. At most 20.
    pub roles: Vec<Role>,
    /// Grade on the network's own scale, in its own words, at most 200 characters. Empty means none.
    pub grade: String,
    /// The person who is or signs for the member, at most 300 characters. Empty means not stated.
    pub representative: String,
    /// When it applied. None means not known, or that it did not.
    pub applied: Option<PartialDate>,
    /// When it was invited. None means not known, or that it was not.
    pub invited: Option<PartialDate>,
    /// When the charter was signed. None means not known, or that it was not.
    pub charter_signed: Option<PartialDate>,
    /// When it became a member. None means not known, or not yet.
    pub joined: Option<PartialDate>,
    /// When it ceased to be one. None means that it has not, or not known: see `state`.
    pub left: Option<PartialDate>,
    /// For when the source states the membership, which may be all that is known. None means not stated.
    pub as_of: Option<PartialDate>,
    /// Why it ended. None while it has not, or when the source does not say.
    pub end_reason: Option<EndReason>,
    /// Why it is suspended, was rejected, expelled or left, in words, at most 2,000 characters.
    pub reason: String,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50.
    pub sources: Vec<Source>,
    /// When the member's council voted to join. None means not known, or that it did not.
    pub council_voted: Option<PartialDate>,
    /// What other sources say of fields above. At most 50.
    pub readings: Vec<Reading>,
}

impl Term {
    /// From a message of a request.
    pub fn parse(message: pb::Term, field: &str, violations: &mut Violations) -> Option<Term> {
        Term::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Term {
        pb::Term {
            state: self.state.to_pb(),
            class: self.class.map_or(0, MembershipClass::to_pb),
            roles: self.roles.iter().map(Role::to_pb).collect(),
            grade: self.grade.clone(),
            representative: self.representative.clone(),
            applied: self.applied.map(PartialDate::to_pb),
            invited: self.invited.map(PartialDate::to_pb),
            charter_signed: self.charter_signed.map(PartialDate::to_pb),
            joined: self.joined.map(PartialDate::to_pb),
            left: self.left.map(PartialDate::to_pb),
            as_of: self.as_of.map(PartialDate::to_pb),
            end_reason: self.end_reason.map_or(0, EndReason::to_pb),
            reason: self.reason.clone(),
            note: self.note.clone(),
            sources: self.sources.iter().map(Source::to_pb).collect(),
            council_voted: self.council_voted.map(PartialDate::to_pb),
            readings: self.readings.iter().map(Reading::to_pb).collect(),
            // Only answers for a date say how sure they are.
            certainty: 0,
        }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Term) -> Result<Term, Corrupt> {
        stored::read(message, Term::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Term, fields: &mut Fields<'_>) -> Option<Term> {
        let state = fields.required("state", message.state, MembershipState::from_pb);
        let class = fields.optional("class", message.class, MembershipClass::from_pb);
        let roles = fields.list("roles", message.roles, ROLES, Role::read);
        let grade = fields.line("grade", message.grade, GRADE_CHARACTERS);
        let representative =
            fields.line("representative", message.representative, REPRESENTATIVE_CHARACTERS);
        let applied = fields.date("applied", message.applied);
        let invited = fields.date("invited", message.invited);
        let charter_signed = fields.date("charter_signed", message.charter_signed);
        let joined = fields.date("joined", message.joined);
        let left = fields.date("left", message.left);
        let as_of = fields.date("as_of", message.as_of);
        let end_reason = fields.optional("end_reason", message.end_reason, EndReason::from_pb);
        let reason = fields.prose("reason", message.reason, REASON_CHARACTERS);
        let note = fields.prose("note", message.note, NOTE_CHARACTERS);
        let sources = fields.list("sources", message.sources, SOURCES, Source::read);
        let council_voted = fields.date("council_voted", message.council_voted);
        let readings = fields.list("readings", message.readings, READINGS, reading::of_term);
        if fields.violated() {
            return None;
        }
        Some(Term {
            state: state?,
            class,
            roles,
            grade,
            representative,
            applied,
            invited,
            charter_signed,
            joined,
            left,
            as_of,
            end_reason,
            reason,
            note,
            sources,
            council_voted,
            readings,
        })
    }
}

/// A role of a member in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// What it is.
    pub kind: RoleKind,
    /// The source's own words, at most 200 characters. Empty means the same as `kind`.
    pub stated: String,
}

impl Role {
    /// From a message of a request.
    pub fn parse(message: pb::Role, field: &str, violations: &mut Violations) -> Option<Role> {
        Role::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Role {
        pb::Role { kind: self.kind.to_pb(), stated: self.stated.clone() }
    }

    /// From our own stored message.
    pub fn from_stored(message: pb::Role) -> Result<Role, Corrupt> {
        stored::read(message, Role::read)
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Role, fields: &mut Fields<'_>) -> Option<Role> {
        let kind = fields.required("kind", message.kind, RoleKind::from_pb);
        let stated = fields.line("stated", message.stated, ROLE_STATED_CHARACTERS);
        if fields.violated() {
            return None;
        }
        Some(Role { kind: kind?, stated })
    }
}
