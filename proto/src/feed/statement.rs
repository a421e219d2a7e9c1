//! A statement, strict, and the signatures under it.

pub use crate::enums::feed::{StatementKind, StatementState};

use bytes::Bytes;

use crate::common::{Reading, Source, StatedCount, Target};
use crate::date::PartialDate;
use crate::fields::{Fields, distinct};
use crate::ids::{CampaignId, MemberId, NetworkId, StatementId, name_or_empty};
use crate::limits::*;
use crate::path::Path;
use crate::pb::feed::v1 as pb;
use crate::reading;
use crate::stored::{self, Corrupt, Recorded};
use crate::violation::Violations;

/// A published text of a network or of members. Never silently changed: a correction is a new
/// statement that supersedes it, a withdrawal is an event, and so is a redaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name.
    pub id: StatementId,
    /// What it is.
    pub kind: StatementKind,
    /// The source's own word for what it is, at most 100 characters. Empty means the same as `kind`.
    pub kind_stated: String,
    /// Title. Required in requests, 1 to 1,000 characters. Empty: erased, or not at hand.
    pub title: String,
    /// BCP 47 tag of its language. Empty means not stated.
    pub language: String,
    /// What it says in short, at most 4,000 characters.
    pub summary: String,
    /// The text itself, at most 65,536 bytes. Empty: see `document_uri`, or the text is not held.
    pub body: String,
    /// Where the document is, an absolute http or https URI. Empty means not known.
    pub document_uri: String,
    /// SHA-256 of the document at `document_uri`, 32 bytes. None means not known.
    pub document_sha256: Option<[u8; SHA256_BYTES]>,
    /// The network that issues it, `networks/{id}`. None: no network does.
    pub issuer_network: Option<NetworkId>,
    /// Who acts for the issuing network, `members/{id}`: an active member of it. None: the network itself.
    pub acting_member: Option<MemberId>,
    /// The members that issue it, `members/{id}`. At most 50.
    pub issuer_members: Vec<MemberId>,
    /// Authors in the source's words, at most 500 characters. Empty means not stated.
    pub authors_stated: String,
    /// How many signatories sources state; the number held is `signature_count`.
    pub stated_signature_counts: Vec<StatedCount>,
    /// Whom it is aimed at. None means not stated.
    pub target: Option<Target>,
    /// Who supports it without signing, in the source's words. At most 100 of at most 500 characters.
    pub supporters: Vec<String>,
    /// Subjects. At most 50 of at most 100 characters.
    pub themes: Vec<String>,
    /// The campaign it belongs to, `campaigns/{id}`. None: none.
    pub campaign: Option<CampaignId>,
    /// When it was published. None means not known.
    pub published: Option<PartialDate>,
    /// Anything else worth knowing, at most 4,000 characters.
    pub note: String,
    /// Who says so. At most 50. A statement that names no issuer needs one.
    pub sources: Vec<Source>,
    /// A joint statement takes effect when so many members have signed. 0: in effect from the start.
    pub effective_threshold: i64,
    /// Whether it is in effect. Set by the feed; one that waits for nobody is from the start.
    pub effective: bool,
    /// What other sources say of fields above. At most 50.
    pub readings: Vec<Reading>,
    /// Whom else it is aimed at, beside `target`. At most 20.
    pub further_targets: Vec<Target>,
    /// Where it is in its life. Set by the feed.
    pub state: StatementState,
    /// The statement that corrects it, `statements/{id}`. Set by the feed; none while there is none.
    pub superseded_by: Option<StatementId>,
    /// The statement it corrects, `statements/{id}`. Set by the feed; none when it corrects none.
    pub supersedes: Option<StatementId>,
    /// Why it was corrected or retracted, in words. Set by the feed.
    pub reason: String,
    /// Position of the event that erased its content. 0: nothing was erased. Set by the feed.
    pub redacted_position: u64,
    /// On what legal ground its content was erased. Set by the feed; empty while it was not.
    pub legal_ground: String,
    /// SHA-256 of the content that was erased. Set by the feed; none while it was not.
    pub content_sha256: Option<[u8; SHA256_BYTES]>,
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
        Statement::read(message, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub fn into_pb(self, signature_count: i64) -> pb::Statement {
        pb::Statement {
            name: self.id.name(),
            kind: self.kind.to_pb(),
            kind_stated: self.kind_stated,
            title: self.title,
            language: self.language,
            summary: self.summary,
            body: self.body,
            document_uri: self.document_uri,
            document_sha256: hash_or_empty(self.document_sha256),
            issuer_network: name_or_empty(self.issuer_network.as_ref()),
            acting_member: name_or_empty(self.acting_member.as_ref()),
            issuer_members: self.issuer_members.iter().map(MemberId::name).collect(),
            authors_stated: self.authors_stated,
            stated_signature_counts: self
                .stated_signature_counts
                .iter()
                .map(StatedCount::to_pb)
                .collect(),
            target: self.target.as_ref().map(Target::to_pb),
            supporters: self.supporters,
            themes: self.themes,
            campaign: name_or_empty(self.campaign.as_ref()),
            published: self.published.map(PartialDate::to_pb),
            note: self.note,
            sources: self.sources.iter().map(Source::to_pb).collect(),
            state: self.state.to_pb(),
            superseded_by: name_or_empty(self.superseded_by.as_ref()),
            supersedes: name_or_empty(self.supersedes.as_ref()),
            reason: self.reason,
            etag: self.recorded.etag(),
            created_position: self.recorded.created_position,
            updated_position: self.recorded.updated_position,
            created_at: stored::timestamp(self.recorded.created_at_micros),
            updated_at: stored::timestamp(self.recorded.updated_at_micros),
            signature_count,
            effective_threshold: self.effective_threshold,
            effective: self.effective,
            readings: self.readings.iter().map(Reading::to_pb).collect(),
            further_targets: self.further_targets.iter().map(Target::to_pb).collect(),
            redacted_position: self.redacted_position,
            legal_ground: self.legal_ground,
            content_sha256: hash_or_empty(self.content_sha256),
        }
    }

    /// From our own stored message, with what the feed set; its content may be missing.
    pub fn from_stored(message: pb::Statement) -> Result<Statement, Corrupt> {
        stored::read(message, |mut message, fields| {
            let recorded = Recorded::from(&message);
            let state = fields.required("state", message.state, StatementState::from_pb);
            let mut link = |name, text: &str| fields.optional_name(name, text, StatementId::parse);
            let superseded_by = link("superseded_by", &message.superseded_by);
            let supersedes = link("supersedes", &message.supersedes);
            let reason = std::mem::take(&mut message.reason);
            let reason = fields.prose("reason", reason, REASON_CHARACTERS);
            let redacted_position = message.redacted_position;
            let legal_ground = std::mem::take(&mut message.legal_ground);
            let legal_ground = fields.prose("legal_ground", legal_ground, REASON_CHARACTERS);
            let content_sha256 = sha256("content_sha256", &message.content_sha256, fields);
            let effective = message.effective;
            let statement = Statement::read_titled(message, fields, Fields::line)?;
            let statement = Statement { effective, reason, recorded, ..statement };
            let statement = Statement { state: state?, superseded_by, supersedes, ..statement };
            Some(Statement { redacted_position, legal_ground, content_sha256, ..statement })
        })
    }

    /// From the fields of a message within a request.
    pub fn read(message: pb::Statement, fields: &mut Fields<'_>) -> Option<Statement> {
        Statement::read_titled(message, fields, Fields::title)
    }

    fn read_titled<'f>(
        message: pb::Statement,
        fields: &mut Fields<'f>,
        read_title: fn(&mut Fields<'f>, &str, String, usize) -> String,
    ) -> Option<Statement> {
        let id = fields.required_name("name", &message.name, StatementId::parse);
        let kind = fields.required("kind", message.kind, StatementKind::from_pb);
        let kind_stated = fields.line("kind_stated", message.kind_stated, KIND_STATED_CHARACTERS);
        let title = read_title(fields, "title", message.title, TITLE_CHARACTERS);
        let language = fields.language("language", message.language);
        let summary = fields.prose("summary", message.summary, SUMMARY_CHARACTERS);
        let body = fields.prose_of_bytes("body", message.body, BODY_BYTES);
        let document_uri = fields.uri("document_uri", message.document_uri);
        let document_sha256 = sha256("document_sha256", &message.document_sha256, fields);
        let issuer_network =
            fields.optional_name("issuer_network", &message.issuer_network, NetworkId::parse);
        let acting_member =
            fields.optional_name("acting_member", &message.acting_member, MemberId::parse);
        if acting_member.is_some() && message.issuer_network.is_empty() {
            fields.refuse("acting_member", "acts for a network, and none is named");
        }
        let issuer_members = distinct(fields.names(
            "issuer_members",
            message.issuer_members,
            ISSUER_MEMBERS,
            MemberId::parse,
        ));
        let authors_stated =
            fields.line("authors_stated", message.authors_stated, AUTHORS_CHARACTERS);
        let stated_signature_counts = fields.list(
            "stated_signature_counts",
            message.stated_signature_counts,
            STATED_COUNTS,
            StatedCount::read,
        );
        let target = fields.message("target", message.target, Target::read);
        let supporters =
            fields.titles("supporters", message.supporters, SUPPORTERS, SUPPORTER_CHARACTERS);
        let themes = fields.titles("themes", message.themes, THEMES, THEME_CHARACTERS);
        let campaign = fields.optional_name("campaign", &message.campaign, CampaignId::parse);
        let published = fields.date("published", message.published);
        let note = fields.prose("note", message.note, NOTE_CHARACTERS);
        let sources = fields.list("sources", message.sources, SOURCES, Source::read);
        let effective_threshold = message.effective_threshold;
        if !(0..=EFFECTIVE_THRESHOLD).contains(&effective_threshold) {
            fields.refuse("effective_threshold", format!("must be 0 to {EFFECTIVE_THRESHOLD}"));
        }
        let readings = fields.list("readings", message.readings, READINGS, reading::of_statement);
        let further_targets =
            fields.list("further_targets", message.further_targets, FURTHER_TARGETS, Target::read);
        if fields.violated() {
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
            effective_threshold,
            effective: effective_threshold == 0,
            readings,
            further_targets,
            state: StatementState::Published,
            superseded_by: None,
            supersedes: None,
            reason: String::new(),
            redacted_position: 0,
            legal_ground: String::new(),
            content_sha256: None,
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
    /// When it was signed. None means not known.
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
        let message = pb::Signature { position: 0, ..message };
        let at = Path::root(field);
        Signature::read(message, statement.cloned(), &mut Fields::new(&at, violations))
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
        stored::read(message, |message, fields| {
            let statement =
                fields.required_name("statement", &message.statement, StatementId::parse);
            Signature::read(message, statement, fields)
        })
    }

    fn read(
        message: pb::Signature,
        statement: Option<StatementId>,
        fields: &mut Fields<'_>,
    ) -> Option<Signature> {
        let member = fields.required_name("member", &message.member, MemberId::parse);
        let representative =
            fields.line("representative", message.representative, REPRESENTATIVE_CHARACTERS);
        let signed = fields.date("signed", message.signed);
        if fields.violated() {
            return None;
        }
        Some(Signature {
            statement: statement?,
            member: member?,
            representative,
            signed,
            position: message.position,
        })
    }
}

fn hash_or_empty(hash: Option<[u8; SHA256_BYTES]>) -> Bytes {
    hash.map_or_else(Bytes::new, |hash| Bytes::copy_from_slice(&hash))
}

/// A SHA-256, or empty.
fn sha256(name: &str, bytes: &[u8], fields: &mut Fields<'_>) -> Option<[u8; SHA256_BYTES]> {
    if bytes.is_empty() {
        return None;
    }
    let problem = |_| fields.refuse(name, format!("must be {SHA256_BYTES} bytes, or empty"));
    bytes.try_into().map_err(problem).ok()
}
