//! Whole resources as JSON Lines, in the canonical JSON of the contract: `{"network": …}`,
//! `{"member": …}` or `{"membership": …}` a line, without what the registry sets.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use hansa_proto::pb;
use hansa_proto::pb::registry::v1 as registry;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use registry::batch_item::Change;
use serde_json::{Value, json};

use super::{Exported, Trouble};

static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET).expect("the build made the descriptors")
});

fn to_json(kind: &str, message: &impl Message) -> Value {
    let name = format!("hansa.registry.v1.{kind}");
    let descriptor = DESCRIPTORS.get_message_by_name(&name).expect("the contract has it");
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .expect("a message decodes as what it was encoded as");
    let options = SerializeOptions::new().use_proto_field_name(true);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("a message of the contract is JSON")
}

fn from_json<M: Message + Default>(kind: &str, value: Value) -> Result<M, String> {
    let name = format!("hansa.registry.v1.{kind}");
    let descriptor = DESCRIPTORS.get_message_by_name(&name).expect("the contract has it");
    let message =
        DynamicMessage::deserialize(descriptor, value).map_err(|error| error.to_string())?;
    M::decode(message.encode_to_vec().as_slice()).map_err(|error| error.to_string())
}

pub(super) fn network_line(network: &registry::Network) -> String {
    let network = registry::Network {
        etag: String::new(),
        created_position: 0,
        updated_position: 0,
        created_at: None,
        updated_at: None,
        active_member_count: 0,
        ..network.clone()
    };
    json!({ "network": to_json("Network", &network) }).to_string()
}

pub(super) fn member_line(member: &registry::Member) -> String {
    let member = registry::Member {
        etag: String::new(),
        created_position: 0,
        updated_position: 0,
        created_at: None,
        updated_at: None,
        ..member.clone()
    };
    json!({ "member": to_json("Member", &member) }).to_string()
}

pub(super) fn membership_line(membership: &registry::Membership) -> String {
    let membership = registry::Membership {
        etag: String::new(),
        created_position: 0,
        updated_position: 0,
        created_at: None,
        updated_at: None,
        ..membership.clone()
    };
    json!({ "membership": to_json("Membership", &membership) }).to_string()
}

/// Reads resources out of JSON Lines. Lines that are none are told, and left out.
pub fn resources_of(file: &str, text: &str) -> (Exported, Vec<Trouble>) {
    let (mut resources, mut troubles) = (Exported::default(), Vec::new());
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() {
            continue;
        }
        if let Err(problem) = read(content, &mut resources) {
            troubles.push(Trouble { at: format!("{file}:{line}"), problem });
        }
    }
    (resources, troubles)
}

/// What of the resources is not held as it is, and how many are. Of a membership that is held, the terms
/// that are not.
pub fn absent(mut resources: Exported, held: &Exported) -> (Exported, usize) {
    let count = |it: &Exported| it.networks.len() + it.members.len() + it.memberships.len();
    let all = count(&resources);
    let lines: HashSet<String> = super::json_lines(held).lines().map(str::to_owned).collect();
    resources.networks.retain(|network| !lines.contains(&network_line(network)));
    resources.members.retain(|member| !lines.contains(&member_line(member)));
    let known: HashMap<&str, &registry::Membership> =
        held.memberships.iter().map(|it| (it.name.as_str(), it)).collect();
    for membership in &mut resources.memberships {
        let known = known.get(membership.name.as_str());
        let terms = known.map(|known| known.terms.as_slice()).unwrap_or_default();
        membership.terms.retain(|term| !terms.contains(term));
    }
    resources.memberships.retain(|membership| !membership.terms.is_empty());
    let held = all - count(&resources);
    (resources, held)
}

fn read(content: &str, resources: &mut Exported) -> Result<(), String> {
    let object: serde_json::Map<String, Value> =
        serde_json::from_str(content).map_err(|error| error.to_string())?;
    let mut entries = object.into_iter();
    match (entries.next(), entries.next()) {
        (Some((kind, value)), None) => match kind.as_str() {
            "network" => resources.networks.push(from_json("Network", value)?),
            "member" => resources.members.push(from_json("Member", value)?),
            "membership" => resources.memberships.push(from_json("Membership", value)?),
            other => return Err(format!("`{other}` is no network, member or membership")),
        },
        _ => {
            return Err(
                "a line is `{\"network\": …}`, `{\"member\": …}` or `{\"membership\": …}`".into()
            );
        }
    }
    Ok(())
}

/// The changes that make the resources in a registry that has none of them, each with its key: first
/// what can be named, then what names it, then every term, and what ended at the end.
pub fn restored(resources: Exported) -> Vec<(String, Change)> {
    let mut first = Vec::new();
    let (mut naming, mut ending) = (Vec::new(), Vec::new());
    for network in resources.networks {
        networks(network, &mut first, &mut naming, &mut ending);
    }
    for member in resources.members {
        members(member, &mut first, &mut naming, &mut ending);
    }
    let terms = resources.memberships.into_iter().flat_map(|membership| {
        let registry::Membership { network, member, terms, .. } = membership;
        terms.into_iter().map(move |term| {
            Change::RecordMembership(registry::RecordMembershipRequest {
                network: network.clone(),
                member: member.clone(),
                term: Some(term),
                ..registry::RecordMembershipRequest::default()
            })
        })
    });
    let all = first.into_iter().chain(naming).chain(terms).chain(ending);
    all.enumerate().map(|(index, change)| (format!("resource-{}", index + 1), change)).collect()
}

fn networks(
    mut network: registry::Network,
    first: &mut Vec<Change>,
    naming: &mut Vec<Change>,
    ending: &mut Vec<Change>,
) {
    use registry::{NetworkState, RelationKind};
    let name = network.name.clone();
    let merged = i32::from(RelationKind::MergedInto);
    let relations = std::mem::take(&mut network.relations);
    if matches!(network.state(), NetworkState::Ended | NetworkState::Merged) {
        let into = relations.iter().find(|relation| relation.kind == merged);
        let merged_into = match network.state() {
            NetworkState::Merged => into.map(|relation| relation.network.clone()),
            _ => None,
        };
        ending.push(Change::EndNetwork(registry::EndNetworkRequest {
            name: name.clone(),
            ended: network.ended.take(),
            merged_into: merged_into.unwrap_or_default(),
            ..registry::EndNetworkRequest::default()
        }));
        network.state = NetworkState::Active.into();
    }
    first.push(Change::CreateNetwork(registry::CreateNetworkRequest {
        network: Some(network),
        ..registry::CreateNetworkRequest::default()
    }));
    naming.extend(relations.into_iter().map(|relation| {
        Change::RelateNetworks(registry::RelateNetworksRequest {
            name: name.clone(),
            relation: Some(relation),
            ..registry::RelateNetworksRequest::default()
        })
    }));
}

fn members(
    mut member: registry::Member,
    first: &mut Vec<Change>,
    naming: &mut Vec<Change>,
    ending: &mut Vec<Change>,
) {
    let name = member.name.clone();
    if member.state() == registry::MemberState::Retired {
        ending.push(Change::RetireMember(registry::RetireMemberRequest {
            name: name.clone(),
            retired: member.retired.take(),
            ..registry::RetireMemberRequest::default()
        }));
        member.state = registry::MemberState::Active.into();
    }
    let predecessors = std::mem::take(&mut member.predecessors);
    if !predecessors.is_empty() {
        let named = registry::Member { name, predecessors, ..registry::Member::default() };
        naming.push(Change::UpdateMember(registry::UpdateMemberRequest {
            member: Some(named),
            update_mask: Some(prost_types::FieldMask { paths: vec!["predecessors".to_owned()] }),
            ..registry::UpdateMemberRequest::default()
        }));
    }
    first.push(Change::CreateMember(registry::CreateMemberRequest {
        member: Some(member),
        ..registry::CreateMemberRequest::default()
    }));
}
