//! Whether a network admits a member who asks to join: every rule of its admission.

use hansa_proto::registry::{
    Admission, AdmissionMode, Member, MemberState, MembershipState, Network, NetworkState, Term,
};

use super::network::has_ended;
use super::{Rule, Rules};

/// Checks every rule of admission; `present` is the state of the present term, if there is any, and
/// `asked` what the member asks for.
pub(super) fn check(
    network: &Network,
    member: &Member,
    present: Option<MembershipState>,
    asked: &Term,
    rules: &mut Rules,
) {
    check_lives(network, member, rules);
    check_mode(network, present, rules);
    check_charter_and_class(network, asked, rules);
    check_eligibility(&network.admission, member, rules);
}

fn check_lives(network: &Network, member: &Member, rules: &mut Rules) {
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

fn check_charter_and_class(network: &Network, asked: &Term, rules: &mut Rules) {
    let admission = &network.admission;
    rules.refuse_if(
        admission.charter_required && asked.charter_signed.is_none(),
        Rule::CharterNotSigned,
        &network.id,
        "the network requires its charter to be signed first",
    );
    if let Some(class) = asked.class {
        rules.refuse_if(
            !admission.classes.is_empty() && !admission.classes.contains(&class),
            Rule::ClassNotOffered,
            &network.id,
            format!("the network does not offer the class {}", class.as_str()),
        );
    }
}

fn check_eligibility(admission: &Admission, member: &Member, rules: &mut Rules) {
    rules.refuse_if(
        !admission.member_kinds.is_empty() && !admission.member_kinds.contains(&member.kind),
        Rule::KindNotEligible,
        &member.id,
        format!("members of kind {} cannot belong", member.kind.as_str()),
    );
    let of_a_country = member.country.is_some_and(|country| admission.countries.contains(&country));
    rules.refuse_if(
        !admission.countries.is_empty() && !of_a_country,
        Rule::CountryNotEligible,
        &member.id,
        "members of this country cannot belong",
    );
    let enough = latest_population(member).is_some_and(|count| count >= admission.min_population);
    rules.refuse_if(
        admission.min_population > 0 && !enough,
        Rule::PopulationTooSmall,
        &member.id,
        format!("fewer than {} people live there, or it is not known", admission.min_population),
    );
}

/// The population stated for the latest date; the last one stated where dates are equal.
fn latest_population(member: &Member) -> Option<i64> {
    let latest = member.populations.iter().max_by_key(|population| population.as_of)?;
    Some(latest.count)
}
