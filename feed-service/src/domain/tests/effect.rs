//! Joint statements: the signature that reaches the threshold makes them take effect, once.

use super::*;

fn joint(id: &str, threshold: i64) -> Statement {
    Statement { effective_threshold: threshold, effective: false, ..statement(id) }
}

/// What each event says of the effect, and how many have signed.
fn effects(state: &Facts, command: Command) -> Vec<(EventKind, Option<(bool, i64)>)> {
    let decided = decide(state, SLOT, command).unwrap();
    let told = |event: &NewEvent| match &event.body {
        Body::Statement(statement, count) => Some((statement.effective, *count)),
        _ => None,
    };
    decided.events.iter().map(|event| (event.kind, told(event))).collect()
}

#[test]
fn published_with_enough_signatures_it_takes_effect_at_once() {
    use EventKind::*;
    let table: [(i64, &[&str], Vec<_>); 5] = [
        (0, &[], vec![(StatementPublished, Some((true, 0)))]),
        (0, &["a"], vec![(StatementPublished, Some((true, 1))), (StatementSigned, None)]),
        (1, &[], vec![(StatementPublished, Some((false, 0)))]),
        (2, &["a"], vec![(StatementPublished, Some((false, 1))), (StatementSigned, None)]),
        (
            2,
            &["a", "b"],
            vec![
                (StatementPublished, Some((true, 2))),
                (StatementSigned, None),
                (StatementSigned, None),
                (StatementEffective, Some((true, 2))),
            ],
        ),
    ];
    for (threshold, signatories, expected) in table {
        let command = publish(joint("new", threshold), signatories);
        assert_eq!(effects(&facts(), command), expected, "{threshold} {signatories:?}");
    }
}

#[test]
fn the_signature_that_reaches_the_threshold_makes_it_take_effect() {
    use EventKind::*;
    // `s` is signed by `b`.
    let signed = |statement: Statement| {
        let mut state = facts();
        state.statements.insert("s", statement);
        effects(&state, sign("s", "a"))
    };
    let only_signed = vec![(StatementSigned, None)];
    let reached = vec![(StatementSigned, None), (StatementEffective, Some((true, 2)))];
    assert_eq!(signed(statement("s")), only_signed, "in effect from the start");
    assert_eq!(signed(joint("s", 3)), only_signed, "not yet");
    assert_eq!(signed(joint("s", 2)), reached);
    assert_eq!(signed(Statement { effective: true, ..joint("s", 2) }), only_signed, "once");
}

#[test]
fn an_effect_is_a_change_of_the_statement_on_the_day_of_the_signature() {
    let mut state = facts();
    state.statements.insert("s", joint("s", 2));
    let day: PartialDate = "2018-07-16".parse().unwrap();
    let signing = Signing { signed: Some(day), ..signing("a") };
    let command = Command::SignStatement { statement: statement_id("s"), signing };
    let decided = decide(&state, SLOT, command).unwrap();
    assert!(matches!(decided.events[decided.answer].body, Body::Signature(_)));
    let effective = &decided.events[1];
    assert_eq!(effective.occurred_at, Some(day));
    let Body::Statement(statement, 2) = &effective.body else { panic!("{effective:?}") };
    assert_eq!((statement.recorded.created_position, statement.recorded.updated_position), (4, 9));
}

#[test]
fn a_correction_has_no_signatures_yet() {
    for (threshold, expected) in [(0, true), (1, false)] {
        let new = Statement { effective: true, ..joint("new", threshold) };
        let decided = decide(&facts(), SLOT, correct("s", new, "")).unwrap();
        let Body::Statement(new, 0) = &decided.events[1].body else { panic!("the new one") };
        assert_eq!(new.effective, expected, "{threshold}");
    }
}

#[test]
fn who_acts_for_the_network_is_among_the_members() {
    let acting = Some(member_id("a"));
    let by_b = Statement {
        issuer_members: vec![member_id("b")],
        acting_member: acting.clone(),
        ..statement("new")
    };
    let decided = decide(&facts(), SLOT, publish(by_b, &[])).unwrap();
    assert_eq!(decided.events[0].members, [member_id("b"), member_id("a")]);
    assert_eq!(decided.events[0].countries, [Country::parse("ES").unwrap()]);
    let launched = Campaign { acting_member: acting, ..campaign("new") };
    let decided = decide(&facts(), SLOT, launch(launched, &[])).unwrap();
    assert_eq!(decided.events[0].members, [member_id("a")], "each once");
}
