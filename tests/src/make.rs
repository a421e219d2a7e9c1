//! The smallest valid request of each kind; tests say only what they are about.

use hansa_proto::pb::common::v1::{Name, PartialDate, Source};
use hansa_proto::pb::feed::v1::{
    Campaign, CampaignKind, LaunchCampaignRequest, PublishStatementRequest, Signature, Statement,
    StatementKind,
};
use hansa_proto::pb::registry::v1::{
    Admission, AdmissionMode, CreateMemberRequest, CreateNetworkRequest, JoinNetworkRequest,
    Member, MemberKind, Network, NetworkKind,
};

/// `networks/{id}`.
pub fn network_name(id: &str) -> String {
    format!("networks/{id}")
}

/// `members/{id}`.
pub fn member_name(id: &str) -> String {
    format!("members/{id}")
}

/// `networks/{network}/memberships/{member}`.
pub fn membership_name(network: &str, member: &str) -> String {
    format!("networks/{network}/memberships/{member}")
}

/// A date as precise as the numbers given: `&[2018, 9]`.
pub fn date(parts: &[i32]) -> Option<PartialDate> {
    let part = |index: usize| parts.get(index).copied().unwrap_or(0);
    Some(PartialDate { year: part(0), month: part(1), day: part(2), latest: None })
}

/// A source.
pub fn source() -> Source {
    Source { citation: "A source, 2026".to_owned(), ..Default::default() }
}

/// A name in no stated language.
pub fn name(text: &str) -> Name {
    Name { text: text.to_owned(), ..Default::default() }
}

/// An open city network.
pub fn network(id: &str) -> CreateNetworkRequest {
    let network = Network {
        name: network_name(id),
        names: vec![name(&format!("Network {id}"))],
        kind: NetworkKind::CityNetwork.into(),
        ..Default::default()
    };
    CreateNetworkRequest { network: Some(network), ..Default::default() }
}

/// A city network with this way in.
pub fn network_admitting(id: &str, mode: AdmissionMode) -> CreateNetworkRequest {
    let mut request = network(id);
    let admission = Admission { mode: mode.into(), ..Default::default() };
    request.network.as_mut().expect("just made").admission = Some(admission);
    request
}

/// A municipality in a country.
pub fn member(id: &str, country: &str) -> CreateMemberRequest {
    let member = Member {
        name: member_name(id),
        names: vec![name(&format!("Member {id}"))],
        kind: MemberKind::Municipality.into(),
        country: country.to_owned(),
        ..Default::default()
    };
    CreateMemberRequest { member: Some(member), ..Default::default() }
}

/// A join without dates.
pub fn join(network: &str, member: &str) -> JoinNetworkRequest {
    JoinNetworkRequest {
        network: network_name(network),
        member: member_name(member),
        ..Default::default()
    }
}

/// A declaration of a network, signed by members.
pub fn statement(id: &str, network: &str, signatories: &[&str]) -> PublishStatementRequest {
    let statement = Statement {
        name: format!("statements/{id}"),
        kind: StatementKind::Declaration.into(),
        title: format!("Statement {id}"),
        issuer_network: network_name(network),
        ..Default::default()
    };
    let signatures = signatories
        .iter()
        .map(|member| Signature { member: member_name(member), ..Default::default() })
        .collect();
    PublishStatementRequest { statement: Some(statement.into()), signatures, ..Default::default() }
}

/// A campaign of a network.
pub fn campaign(id: &str, network: &str) -> LaunchCampaignRequest {
    let campaign = Campaign {
        name: format!("campaigns/{id}"),
        title: format!("Campaign {id}"),
        kind: CampaignKind::Lobbying.into(),
        network: network_name(network),
        ..Default::default()
    };
    LaunchCampaignRequest { campaign: Some(campaign), ..Default::default() }
}
