//! Redactions: of a statement in any state, once, and of nothing that changed since it was seen.

use super::*;

fn redact(id: &str, etag: &str) -> Command {
    Command::RedactStatement {
        statement: statement_id(id),
        legal_ground: "a ground".to_owned(),
        etag: etag.to_owned(),
    }
}

#[test]
fn a_statement_in_any_state_is_redacted_once() {
    let mut state = facts();
    for id in ["s", "closed"] {
        let before = state.statement(&statement_id(id)).unwrap().unwrap();
        let decided = decide(&state, SLOT, redact(id, &before.recorded.etag())).unwrap();
        let [event] = decided.events.as_slice() else { panic!("one event") };
        assert_eq!((event.kind, decided.unchanged), (EventKind::StatementRedacted, false));
        let Body::Statement(after, _) = &event.body else { panic!("of a statement") };
        assert_eq!(after.state, StatementState::Redacted);
        assert_eq!((after.redacted_position, after.legal_ground.as_str()), (9, "a ground"));
        assert_eq!((after.recorded.created_position, after.recorded.updated_position), (4, 9));
        assert_eq!(event.members, [member_id("a")], "who was told of it is told of this");
        assert_eq!((&after.campaign, after.effective), (&before.campaign, before.effective));

        state.statements.insert(id, Statement::clone(after));
        let again = decide(&state, SLOT, redact(id, "")).unwrap();
        assert!(again.unchanged);
        let Body::Statement(still, _) = &again.events[again.answer].body else { panic!() };
        assert_eq!(still, after);
    }
}

#[test]
fn what_stands_against_a_redaction() {
    assert!(matches!(rejection(redact("none", "")), Rejection::NotFound { .. }));
    let stale = Rejection::EtagMismatch { expected: "3".to_owned(), actual: "4".to_owned() };
    assert_eq!(rejection(redact("s", "3")), stale);
}
