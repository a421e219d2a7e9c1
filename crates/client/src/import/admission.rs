//! What membership rules in words mean for admission.
//!
//! Only what the words clearly say becomes a rule that is enforced; the words themselves are always
//! kept in `rules_stated`. Rules that are not in the table leave a network open.

use hansa_proto::pb::registry::v1::{
    Admission, AdmissionMode, Eligibility, MemberKind, NetworkKind,
};

use AdmissionMode::{Approval, NoMemberList, Open};

struct Rule {
    stated: &'static str,
    mode: AdmissionMode,
    charter_required: bool,
    council_vote_required: bool,
    member_kinds: &'static [MemberKind],
    min_population: i64,
}

const fn rule(stated: &'static str, mode: AdmissionMode) -> Rule {
    Rule {
        stated,
        mode,
        charter_required: false,
        council_vote_required: false,
        member_kinds: &[],
        min_population: 0,
    }
}

const fn charter(stated: &'static str, mode: AdmissionMode) -> Rule {
    Rule { charter_required: true, ..rule(stated, mode) }
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    // A text that is signed is a charter, and signing it comes first.
    Rule { council_vote_required: true, ..charter("adoption of the ANVITA charter by vote of the local council is a prerequisite", Open) },
    charter("signature of the declaration", Open),
    charter("signature of the Magna Charta", Open),
    charter("signature of the Palermo Declaration", Open),
    charter("signature; non-C40 cities may sign", Open),
    charter("local governments only (cities and metropolitan areas); signature, no fee", Open),
    charter("signature", Open),
    // Somebody decides.
    charter("signature of the Ten-Point Plan of Action; application assessed by the steering committee", Approval),
    rule("local governments elected democratically; admission decided yearly by the General Assembly", Approval),
    rule("only cities or mayors can apply", Approval),
    rule("council applies; stages Committed, Established, Advanced, Excelling", Approval),
    rule("label awarded to cities implementing welcoming policies for refugees", Approval),
    rule("under 50,000 inhabitants; certification against criteria, renewed every 3 years", Approval),
    // Only some can belong.
    Rule { member_kinds: &[MemberKind::FederatedState], ..rule("states and territories", Open) },
    Rule { min_population: 1_000_001, ..rule("cities and metropolitan regions with more than a million inhabitants; annual fee", Open) },
    Rule { min_population: 250_000, ..rule("large cities; open to European cities of 250,000 or more (Wikipedia)", Open) },
    // There is nothing to join.
    rule("no central organisation", NoMemberList),
];

/// Admission to a network of this kind with these rules. None: nothing is stated, so it is open.
pub(super) fn admission(kind: NetworkKind, stated: &str) -> Option<Admission> {
    let open = rule("", if kind == NetworkKind::Movement { NoMemberList } else { Open });
    if stated.is_empty() && open.mode == Open {
        return None;
    }
    let rule = RULES.iter().find(|rule| rule.stated == stated).unwrap_or(&open);
    Some(Admission {
        mode: rule.mode.into(),
        charter_required: rule.charter_required,
        council_vote_required: rule.council_vote_required,
        rules_stated: stated.to_owned(),
        eligibility: Some(Eligibility {
            member_kinds: rule.member_kinds.iter().map(|kind| i32::from(*kind)).collect(),
            min_population: rule.min_population,
            ..Eligibility::default()
        }),
        ..Admission::default()
    })
}
