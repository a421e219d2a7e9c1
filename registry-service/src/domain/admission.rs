//! Whether a network admits a member who asks to join: every rule of its admission, each of which is
//! told when it fails. An application that is approved is checked again for what can have changed since.
//! What a source states (RecordMembership) is recorded whatever the rules say.

use hansa_proto::country::Country;
use hansa_proto::registry::{
    AdmissionMode, Eligibility, MemberState, MembershipState, Network, NetworkState, Term,
};

use super::candidate::Candidate;
use super::network::has_ended;
use super::{Rule, Rules};

/// Checks every rule of admission; `active` is how many members the network has, `present` the state of
/// the present term, if there is any, and `asked` what the member asks for.
pub(super) fn check(
    network: &Network,
    active: u64,
    member: &Candidate,
    present: Option<MembershipState>,
    asked: &Term,
    rules: &mut Rules,
) {
    check_lives(network, member, rules);
    check_mode(network, present, rules);
    check_first_steps(network, asked, rules);
    check_who(network, member, asked, rules);
    check_room(network, active, rules);
}

/// Checks again what can have changed between an application and its approval.
pub(super) fn check_again(network: &Network, active: u64, member: &Candidate, rules: &mut Rules) {
    check_lives(network, member, rules);
    check_room(network, active, rules);
}

fn check_room(network: &Network, active: u64, rules: &mut Rules) {
    let most = u64::try_from(network.admission.max_members).unwrap_or_default();
    rules.refuse_if(
        most > 0 && active >= most,
        Rule::NetworkFull,
        &network.id,
        format_args!("the network takes at most {most} members and has {active}"),
    );
}

fn check_lives(network: &Network, member: &Candidate, rules: &mut Rules) {
    rules.refuse_if(has_ended(network), Rule::NetworkEnded, &network.id, "the network has ended");
    rules.refuse_if(
        network.state == NetworkState::Announced,
        Rule::NetworkNotActive,
        &network.id,
        "the network is only announced",
    );
    rules.refuse_if(
        member.state == MemberState::Retired,
        Rule::MemberRetired,
        &member.id,
        "the member is retired",
    );
}

fn check_mode(network: &Network, present: Option<MembershipState>, rules: &mut Rules) {
    rules.refuse_if(
        network.admission.mode == AdmissionMode::NoMemberList,
        Rule::NoMemberList,
        &network.id,
        "the network has no member list",
    );
    rules.refuse_if(
        network.admission.mode == AdmissionMode::Invitation
            && matches!(present, None | Some(MembershipState::Ended)),
        Rule::NotInvited,
        &network.id,
        "the network takes only whom it has invited",
    );
}

fn check_first_steps(network: &Network, asked: &Term, rules: &mut Rules) {
    let admission = &network.admission;
    rules.refuse_if(
        admission.charter_required && asked.charter_signed.is_none(),
        Rule::CharterNotSigned,
        &network.id,
        "the network requires its charter to be signed first",
    );
    rules.refuse_if(
        admission.council_vote_required && asked.council_voted.is_none(),
        Rule::CouncilVoteMissing,
        &network.id,
        "the network requires a vote of the member's council first",
    );
}

/// Who may belong at all, and who in the class asked for. A rule that fails twice is told once.
fn check_who(network: &Network, member: &Candidate, asked: &Term, rules: &mut Rules) {
    let admission = &network.admission;
    let mut failed = Vec::new();
    check_eligibility(&admission.eligibility, member, "", &mut failed);
    if let Some(class) = asked.class {
        rules.refuse_if(
            !admission.classes.is_empty() && !admission.classes.contains(&class),
            Rule::ClassNotOffered,
            &network.id,
            format_args!("the network does not offer the class {}", class.as_str()),
        );
        if let Some(eligibility) = admission.rule_of(class) {
            let to_be = format!(" as {}", class.as_str());
            check_eligibility(eligibility, member, &to_be, &mut failed);
        }
    }
    let mut told: Vec<Rule> = Vec::new();
    for (rule, description) in failed {
        rules.refuse_if(!told.contains(&rule), rule, &member.id, description);
        told.push(rule);
    }
}

/// What of an eligibility a member does not meet; `to_be` says in which class.
fn check_eligibility(
    eligibility: &Eligibility,
    member: &Candidate,
    to_be: &str,
    failed: &mut Vec<(Rule, String)>,
) {
    let Eligibility { member_kinds, countries, excluded_countries, m49_regions, .. } = eligibility;
    if !member_kinds.is_empty() && !member_kinds.contains(&member.kind) {
        let kind = member.kind.as_str();
        failed
            .push((Rule::KindNotEligible, format!("members of kind {kind} cannot belong{to_be}")));
    }
    let of = |list: &[Country]| member.country.is_some_and(|country| list.contains(&country));
    if of(excluded_countries) || !countries.is_empty() && !of(countries) {
        let description = format!("members of this country cannot belong{to_be}");
        failed.push((Rule::CountryNotEligible, description));
    }
    if !m49_regions.is_empty() && !m49_regions.contains(&member.m49_region) {
        let description = format!("members of this continent cannot belong{to_be}");
        failed.push((Rule::RegionNotEligible, description));
    }
    if eligibility.capitals_only && !member.capital {
        failed.push((Rule::NotACapital, format!("only capitals can belong{to_be}")));
    }
    check_population(eligibility, member, to_be, failed);
}

fn check_population(
    eligibility: &Eligibility,
    member: &Candidate,
    to_be: &str,
    failed: &mut Vec<(Rule, String)>,
) {
    let (least, most) = (eligibility.min_population, eligibility.max_population);
    let population = member.population;
    if least > 0 && population.is_none_or(|count| count < least) {
        let description = format!(
            "fewer than {least} people live there, or it is not known: it cannot belong{to_be}"
        );
        failed.push((Rule::PopulationTooSmall, description));
    }
    if most > 0 && population.is_none_or(|count| count > most) {
        let description = format!(
            "more than {most} people live there, or it is not known: it cannot belong{to_be}"
        );
        failed.push((Rule::PopulationTooLarge, description));
    }
}
