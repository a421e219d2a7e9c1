//! A statement, strict, and the signatures under it.

pub use crate::enums::feed::{StatementKind, StatementState};

use bytes::Bytes;

use crate::common::{Source, StatedCount, Target};
use crate::date::PartialDate;
use crate::enums;
use crate::ids::{CampaignId, MemberId, NetworkId, StatementId, name_or_empty};
use crate::limits::*;
use crate::path::Path;
use crate::pb::feed::v1 as pb;
use crate::stored::{self, Corrupt, Recorded};
use crate::text;
use crate::violation::Violations;

/// A published text of a network or of members. Never silently changed: a correction is a new
/// statement that supersedes it, a withdrawal is an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name.
    pub id: StatementId,
    /// What it is. Required.
    pub kind: StatementKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Title. Required, 1 to 1,000 characters.
    pub title: String,
    /// BCP 47 tag of its language. Empty means not stated.
    pub language: String,
    /// What it says in short, at most 4,000 characters.
    pub summary: String,
    /// The text itself, at most 65,536 bytes. Empty: see `document_uri`, or the text is not held.
    pub body: String,
    /// Where the document is, an absolute http or https URI. Empty means not known.
    pub document_uri: String,
    /// SHA-256 of the document at `document_uri`, 32 bytes. Empty means not known.
    pub document_sha256: Option<[u8; SHA256_BYTES]>,
    /// The network that issues it, `networks/{id}`. Empty: no network does.
    pub issuer_network: Option<NetworkId>,
    /// Who acts for the issuing network, `members/{id}`: an active member of it. Empty: the network itself.
    pub acting_member: Option<MemberId>,
    /// The members that issue it, `members/{id}`. At most 50.
    pub issuer_members: Vec<MemberId>,
    /// Authors in the source's words, at most 500 characters. Empty means not stated.
    pub authors_stated: String,
    /// How many signatories sources state; the number held is `signature_count`.
    pub stated_signature_counts: Vec<StatedCount>,
    /// Whom it is aimed at. Absent means not stated.
    pub target: Option<Target>,
    /// Who supports it without signing, in the source's words. At most 100 of at most 500 characters.
    pub supporters: Vec<String>,
    /// Subjects. At most 50 of at most 100 characters.
    pub themes: Vec<String>,
    /// The campaign it belongs to, `campaigns/{id}`. Empty: none.
    pub campaign: Option<CampaignId>,
    /// When it was published. Absent means not known.
    pub published: Option<PartialDate>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50. A statement that names no issuer needs one.
    pub sources: Vec<Source>,
    /// Where it is in its life. Set by the feed.
    pub state: StatementState,
    /// The statement that corrects it, `statements/{id}`. Set by the feed; empty while there is none.
    pub superseded_by: Option<StatementId>,
    /// The statement it corrects, `statements/{id}`. Set by the feed; empty when it corrects none.
    pub supersedes: Option<StatementId>,
    /// Why it was corrected or retracted, in words. Set by the feed.
    pub reason: String,
    /// What the service writes down with it.
    pub recorded: Recorded,
}

impl Statement {
    /// From a message of a request.
    pub fn parse(
        message: pb::Statement,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Statement> {
        Statement::read(message, &Path::root(field), violations)
    }

    /// As a message.
    pub fn to_pb(&self, signature_count: i64) -> pb::Statement {
        pb::Statement {
            name: self.id.to_string(),
            kind: self.kind.to_pb(),
            kind_stated: self.kind_stated.clone(),
            title: self.title.clone(),
            language: self.language.clone(),
            summary: self.summary.clone(),
            body: self.body.clone(),
            document_uri: self.document_uri.clone(),
            document_sha256: self
                .document_sha256
                .map_or_else(Bytes::new, |hash| Bytes::copy_from_slice(&hash)),
            issuer_network: name_or_empty(self.issuer_network.as_ref()),
            acting_member: name_or_empty(self.acting_member.as_ref()),
            issuer_members: self.issuer_members.iter().map(MemberId::to_string).collect(),
            authors_stated: self.authors_stated.clone(),
            stated_signature_counts: self
                .stated_signature_counts
                .iter()
                .map(StatedCount::to_pb)
                .collect(),
            target: self.target.as_ref().map(Target::to_pb),
            supporters: self.supporters.clone(),
            themes: self.themes.clone(),
            campaign: name_or_empty(self.campaign.as_ref()),
            published: self.published.map(PartialDate::to_pb),
            note: self.note.clone(),
            sources: self.sources.iter().map(Source::to_pb).collect(),
            state: self.state.to_pb(),
            superseded_by: name_or_empty(self.superseded_by.as_ref()),
            supersedes: name_or_empty(self.supersedes.as_ref()),
            reason: self.reason.clone(),
            etag: self.recorded.etag(),
            created_position: self.recorded.created_position,
            updated_position: self.recorded.updated_position,
            created_at: stored::timestamp(self.recorded.created_at_micros),
            updated_at: stored::timestamp(self.recorded.updated_at_micros),
            signature_count,
        }
    }

    /// From our own stored message, with what the feed set.
    pub fn from_stored(mut message: pb::Statement) -> Result<Statement, Corrupt> {
        let (root, mut violations) = (Path::root(""), Violations::default());
        let recorded = Recorded::from(&message);
        let state = StatementState::from_pb(message.state);
        if state.is_none() {
            violations.push("state", "is required");
        }
        let mut link = |name: &str, field: &str| {
            StatementId::optional(name, &root.field(field), &mut violations)
        };
        let superseded_by = link(&message.superseded_by, "superseded_by");
        let supersedes = link(&message.supersedes, "supersedes");
        let reason = std::mem::take(&mut message.reason);
        let reason = text::prose(reason, REASON_CHARACTERS, &root.field("reason"), &mut violations);
        let statement = Statement::read(message, &root, &mut violations);
        violations.finish()?;
        let (Some(statement), Some(state)) = (statement, state) else {
            return Err(Corrupt::missing());
        };
        Ok(Statement { state, superseded_by, supersedes, reason, recorded, ..statement })
    }

    pub(crate) fn read(
        message: pb::Statement,
        at: &Path<'_>,
        violations: &mut Violations,
    ) -> Option<Statement> {
        let before = violations.len();
        let id = StatementId::required(&message.name, &at.field("name"), violations);
        let kind =
            enums::required(message.kind, StatementKind::from_pb, &at.field("kind"), violations);
        let kind_stated = text::line(
            message.kind_stated,
            KIND_STATED_CHARACTERS,
            &at.field("kind_stated"),
            violations,
        );
        let title = text::title(message.title, TITLE_CHARACTERS, &at.field("title"), violations);
        let language = text::language(message.language, &at.field("language"), violations);
        let summary =
            text::prose(message.summary, SUMMARY_CHARACTERS, &at.field("summary"), violations);
        let body = text::prose_of_bytes(message.body, BODY_BYTES, &at.field("body"), violations);
        let document_uri = text::uri(message.document_uri, &at.field("document_uri"), violations);
        let document_sha256 =
            text::sha256(&message.document_sha256, &at.field("document_sha256"), violations);
        let issuer_network =
            NetworkId::optional(&message.issuer_network, &at.field("issuer_network"), violations);
        let acting_member =
            MemberId::optional(&message.acting_member, &at.field("acting_member"), violations);
        if acting_member.is_some() && message.issuer_network.is_empty() {
            violations.at(&at.field("acting_member"), "acts for a network, and none is named");
        }
        let issuer_members = text::distinct(
            message.issuer_members,
            ISSUER_MEMBERS,
            &at.field("issuer_members"),
            violations,
            |name, at, violations| MemberId::required(&name, at, violations),
        );
        let authors_stated = text::line(
            message.authors_stated,
            AUTHORS_CHARACTERS,
            &at.field("authors_stated"),
            violations,
        );
        let stated_signature_counts = text::list(
            message.stated_signature_counts,
            STATED_COUNTS,
            &at.field("stated_signature_counts"),
            violations,
            StatedCount::read,
        );
        let target = message
            .target
            .and_then(|message| Target::read(message, &at.field("target"), violations));
        let supporters = text::titles(
            message.supporters,
            (SUPPORTERS, SUPPORTER_CHARACTERS),
            &at.field("supporters"),
            violations,
        );
        let themes = text::titles(
            message.themes,
            (THEMES, THEME_CHARACTERS),
            &at.field("themes"),
            violations,
        );
        let campaign = CampaignId::optional(&message.campaign, &at.field("campaign"), violations);
        let published =
            PartialDate::optional(message.published, &at.field("published"), violations);
        let note = text::prose(message.note, NOTE_CHARACTERS, &at.field("note"), violations);
        let sources =
            text::list(message.sources, SOURCES, &at.field("sources"), violations, Source::read);
        if violations.len() > before {
            return None;
        }
        Some(Statement {
            id: id?,
            kind: kind?,
            kind_stated,
            title,
            language,
            summary,
            body,
            document_uri,
            document_sha256,
            issuer_network,
            acting_member,
            issuer_members,
            authors_stated,
            stated_signature_counts,
            target,
            supporters,
            themes,
            campaign,
            published,
            note,
            sources,
            state: StatementState::Published,
            superseded_by: None,
            supersedes: None,
            reason: String::new(),
            recorded: Recorded::default(),
        })
    }
}

/// That a member signed a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The statement, `statements/{id}`.
    pub statement: StatementId,
    /// The member, `members/{id}`.
    pub member: MemberId,
    /// The person who signed for it, at most 300 characters. Empty means not stated.
    pub representative: String,
    /// When it was signed. Absent means not known.
    pub signed: Option<PartialDate>,
    /// Position at which the feed recorded it. Set by the feed.
    pub position: u64,
}

impl Signature {
    /// From a message of a request, under this statement: `statement` and `position` in the message
    /// are ignored. Without a statement everything is checked all the same.
    pub fn parse(
        message: pb::Signature,
        statement: Option<&StatementId>,
        field: &str,
        violations: &mut Violations,
    ) -> Option<Signature> {
        let at = Path::root(field);
        let before = violations.len();
        let member = MemberId::required(&message.member, &at.field("member"), violations);
        let representative = text::line(
            message.representative,
            REPRESENTATIVE_CHARACTERS,
            &at.field("representative"),
            violations,
        );
        let signed = PartialDate::optional(message.signed, &at.field("signed"), violations);
        if violations.len() > before {
            return None;
        }
        Some(Signature {
            statement: statement?.clone(),
            member: member?,
            representative,
            signed,
            position: 0,
        })
    }

    /// As a message.
    pub fn to_pb(&self) -> pb::Signature {
        pb::Signature {
            statement: self.statement.to_string(),
            member: self.member.to_string(),
            representative: self.representative.clone(),
            signed: self.signed.map(PartialDate::to_pb),
            position: self.position,
        }
    }

    /// From our own stored message, with what the feed set.
    pub fn from_stored(message: pb::Signature) -> Result<Signature, Corrupt> {
        let mut violations = Violations::default();
        let (root, position) = (Path::root(""), message.position);
        let statement =
            StatementId::required(&message.statement, &root.field("statement"), &mut violations);
        let signature = Signature::parse(message, statement.as_ref(), "", &mut violations);
        violations.finish()?;
        Ok(Signature { position, ..signature.ok_or_else(Corrupt::missing)? })
    }
}
