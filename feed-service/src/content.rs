//! What of a statement is content: all that a redaction erases.
//!
//! Content stands in the journal alone, in the events that told it. The view and what is made of it hold
//! statements without it, so that erasing those events erases it everywhere.

use bytes::Bytes;
use hansa_proto::feed::EventKind;
use hansa_proto::pb::feed::v1 as pb;
use pb::event::Body;
use prost::Message as _;
use sha2::{Digest, Sha256};

/// Takes the content out of a statement, and gives it back as a statement that holds nothing else.
pub(crate) fn take(statement: &mut pb::Statement) -> pb::Statement {
    // No field is left out: one that is added must be said to be content or not.
    let pb::Statement {
        kind_stated,
        title,
        summary,
        body,
        document_uri,
        document_sha256,
        authors_stated,
        stated_signature_counts,
        target,
        supporters,
        note,
        sources,
        reason,
        readings,
        further_targets,
        name: _,
        kind: _,
        language: _,
        issuer_network: _,
        acting_member: _,
        issuer_members: _,
        themes: _,
        campaign: _,
        published: _,
        state: _,
        superseded_by: _,
        supersedes: _,
        signature_count: _,
        etag: _,
        created_position: _,
        updated_position: _,
        created_at: _,
        updated_at: _,
        effective_threshold: _,
        effective: _,
        redacted_position: _,
        legal_ground: _,
        content_sha256: _,
    } = statement;
    pb::Statement {
        kind_stated: std::mem::take(kind_stated),
        title: std::mem::take(title),
        summary: std::mem::take(summary),
        body: std::mem::take(body),
        document_uri: std::mem::take(document_uri),
        document_sha256: std::mem::take(document_sha256),
        authors_stated: std::mem::take(authors_stated),
        stated_signature_counts: std::mem::take(stated_signature_counts),
        target: target.take(),
        supporters: std::mem::take(supporters),
        note: std::mem::take(note),
        sources: std::mem::take(sources),
        reason: std::mem::take(reason),
        readings: std::mem::take(readings),
        further_targets: std::mem::take(further_targets),
        ..Default::default()
    }
}

/// Bytes of the text of a statement's content: fewer than all of its content has.
pub(crate) fn text_bytes(statement: &pb::Statement) -> usize {
    let pb::Statement { title, summary, body, note, .. } = statement;
    [title, summary, body, note].map(String::len).iter().sum()
}

/// The statement without its content.
pub(crate) fn without(statement: &pb::Statement) -> pb::Statement {
    let mut statement = statement.clone();
    take(&mut statement);
    statement
}

/// A statement that was without content, with the content that another telling of it has, or the mark that
/// it was erased. A reason that was given since stays.
pub(crate) fn with(bare: pb::Statement, told: pb::Statement) -> pb::Statement {
    let reason = match bare.reason.is_empty() {
        true => told.reason,
        false => bare.reason,
    };
    pb::Statement {
        kind_stated: told.kind_stated,
        title: told.title,
        summary: told.summary,
        body: told.body,
        document_uri: told.document_uri,
        document_sha256: told.document_sha256,
        authors_stated: told.authors_stated,
        stated_signature_counts: told.stated_signature_counts,
        target: told.target,
        supporters: told.supporters,
        note: told.note,
        sources: told.sources,
        readings: told.readings,
        further_targets: told.further_targets,
        redacted_position: told.redacted_position,
        reason,
        ..bare
    }
}

/// SHA-256 of the content of a statement.
pub(crate) fn sha256(statement: &pb::Statement) -> Bytes {
    let content = take(&mut statement.clone());
    Bytes::copy_from_slice(&Sha256::digest(content.encode_to_vec()))
}

/// The statement that an event tells with its content, unless that was erased.
pub(crate) fn told(event: &pb::Event) -> Option<&pb::Statement> {
    match &event.body {
        Some(Body::StatementBody(statement))
            if event.redacted_position == 0
                && event.kind != EventKind::StatementRedacted.to_pb() =>
        {
            Some(statement)
        }
        _ => None,
    }
}

/// Erases what an event tells of the content of its statement.
pub(crate) fn erase(event: &mut pb::Event, redacted_position: u64) {
    if let Some(Body::StatementBody(statement)) = &mut event.body {
        take(statement);
        statement.redacted_position = redacted_position;
        event.redacted_position = redacted_position;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use hansa_proto::pb::common::v1 as common;

    fn statement() -> pb::Statement {
        let target = common::Target { name: "Everybody".to_owned(), kind: 0 };
        pb::Statement {
            name: "statements/s".to_owned(),
            kind: 1,
            title: "Title".to_owned(),
            body: "Body".to_owned(),
            target: Some(target.clone()),
            further_targets: vec![target],
            themes: vec!["housing".to_owned()],
            issuer_members: vec!["members/m".to_owned()],
            ..Default::default()
        }
    }

    #[test]
    fn what_is_taken_can_be_put_back() {
        let whole = pb::Statement { reason: "why".to_owned(), ..statement() };
        let mut bare = whole.clone();
        let content = take(&mut bare);
        assert_eq!(bare, without(&whole));
        assert_eq!(content.title, "Title");
        assert_eq!((content.name.as_str(), content.themes.len()), ("", 0));
        assert_eq!(bare.themes, ["housing"]);
        assert_eq!(take(&mut bare.clone()), pb::Statement::default());
        assert_eq!(with(bare, content), whole);
    }

    /// Anybody who has a copy comes to the same value with nothing but the contract.
    #[test]
    fn the_hash_is_that_of_a_statement_that_holds_nothing_else() {
        let held = pb::Statement {
            name: String::new(),
            kind: 0,
            themes: Vec::new(),
            issuer_members: Vec::new(),
            ..statement()
        };
        assert_eq!(sha256(&statement())[..], Sha256::digest(held.encode_to_vec())[..]);
    }

    #[test]
    fn an_event_is_erased_once() {
        let mut event = pb::Event { kind: 16, ..Default::default() };
        event.body = Some(Body::StatementBody(statement().into()));
        assert!(told(&event).is_some());
        erase(&mut event, 7);
        assert_eq!(event.redacted_position, 7);
        assert_eq!(told(&event), None);
        let Some(Body::StatementBody(left)) = event.body else { panic!() };
        assert_eq!(*left, pb::Statement { redacted_position: 7, ..without(&statement()) });
    }
}
