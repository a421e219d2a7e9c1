//! ApplyBatch: several changes in one commit. Items are parsed like the requests they stand for.

use hansa_journal::Position;
use hansa_proto::ids::RequestId;
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use pb::batch_item::Change;
use pb::batch_result::Resource as Resulting;
use pb::change::Resource;
use tonic::Status;

use super::Registry;
use super::write::{PRINCIPAL, WriteRequest, damaged, hash_of, optional};
use crate::codec::{self, Meta};
use crate::domain::Command;
use crate::machine::{Answer, Ask, Batch, RetryKey};
use crate::status;

impl Registry {
    pub(super) async fn apply(
        &self,
        request: pb::ApplyBatchRequest,
    ) -> Result<pb::ApplyBatchResponse, Status> {
        let batch = parse(request).map_err(status::malformed)?;
        let answer = self.writer.submit(Ask::Batch(batch)).await.map_err(status::submit)?;
        match answer {
            Answer::Batch { resources, position } => {
                let results = resources.into_iter().map(result).collect();
                let position = position.get();
                Ok(pb::ApplyBatchResponse { results, position, replayed: false })
            }
            Answer::Replayed { position, .. } => self.batch_replayed(position).await,
            Answer::Done { .. } | Answer::Row(_) | Answer::Trial(_) => {
                Err(damaged("it is not of a batch"))
            }
        }
    }

    /// The answer of a batch applied before, read from the journal.
    async fn batch_replayed(&self, position: Position) -> Result<pb::ApplyBatchResponse, Status> {
        let stored = self.stored(position).await?;
        let changes = codec::commit(&stored.body).map_err(status::codec)?.changes;
        let meta = Meta::from_bytes(&stored.meta).map_err(status::codec)?;
        let resources = meta.items.iter().map(|item| item.resource(&changes).map(result));
        let results = resources.collect::<Result<_, _>>().map_err(status::codec)?;
        Ok(pb::ApplyBatchResponse { results, position: position.get(), replayed: true })
    }
}

fn result(resource: Resource) -> pb::BatchResult {
    let resource = match resource {
        Resource::Network(network) => Resulting::Network(*network),
        Resource::Member(member) => Resulting::Member(*member),
        Resource::Membership(membership) => Resulting::Membership(membership),
    };
    pb::BatchResult { resource: Some(resource) }
}

fn parse(mut request: pb::ApplyBatchRequest) -> Result<Batch, Violations> {
    let mut violations = Violations::default();
    let request_id = std::mem::take(&mut request.request_id);
    let validate_only = std::mem::take(&mut request.validate_only);
    // A batch without an id is never looked up by what it says.
    let payload_hash = match request_id.is_empty() {
        true => [0; 32],
        false => hash_of("ApplyBatchRequest", &request),
    };
    let retry_key = optional(&request_id, "request_id", RequestId::parse, &mut violations)
        .map(|request_id| RetryKey { request_id, payload_hash });
    let count = request.items.len();
    if count == 0 {
        violations.push("items", "is required");
    }
    if count > limits::BATCH_ITEMS {
        let most = limits::BATCH_ITEMS;
        violations.push("items", format!("has {count} entries; at most {most} are allowed"));
    }
    let mut commands = Vec::with_capacity(count.min(limits::BATCH_ITEMS));
    for (index, item) in request.items.into_iter().enumerate().take(limits::BATCH_ITEMS) {
        commands.extend(command(item, &format!("items[{index}]"), &mut violations));
    }
    violations.finish()?;
    Ok(Batch { principal: PRINCIPAL, retry_key, validate_only, commands })
}

/// The command of an item that stands at a path.
pub(crate) fn command(
    item: pb::BatchItem,
    path: &str,
    violations: &mut Violations,
) -> Option<Command> {
    let Some(change) = item.change else {
        violations.push(format!("{path}.change"), "is required");
        return None;
    };
    let mut own = Violations::default();
    let (kind, command) = match change {
        Change::CreateNetwork(it) => ("create_network", parsed(it, &mut own)),
        Change::UpdateNetwork(it) => ("update_network", parsed(it, &mut own)),
        Change::EndNetwork(it) => ("end_network", parsed(it, &mut own)),
        Change::RelateNetworks(it) => ("relate_networks", parsed(it, &mut own)),
        Change::CreateMember(it) => ("create_member", parsed(it, &mut own)),
        Change::UpdateMember(it) => ("update_member", parsed(it, &mut own)),
        Change::RetireMember(it) => ("retire_member", parsed(it, &mut own)),
        Change::JoinNetwork(it) => ("join_network", parsed(it, &mut own)),
        Change::InviteMember(it) => ("invite_member", parsed(it, &mut own)),
        Change::RecordMembership(it) => ("record_membership", parsed(it, &mut own)),
        Change::ApproveMembership(it) => ("approve_membership", parsed(it, &mut own)),
        Change::RejectMembership(it) => ("reject_membership", parsed(it, &mut own)),
        Change::ChangeMembership(it) => ("change_membership", parsed(it, &mut own)),
        Change::SuspendMembership(it) => ("suspend_membership", parsed(it, &mut own)),
        Change::ReinstateMembership(it) => ("reinstate_membership", parsed(it, &mut own)),
        Change::LeaveNetwork(it) => ("leave_network", parsed(it, &mut own)),
    };
    for violation in own.into_vec() {
        violations.push(format!("{path}.{kind}.{}", violation.field), violation.problem);
    }
    command
}

fn parsed<R: WriteRequest>(mut request: R, violations: &mut Violations) -> Option<Command> {
    if !request.take_request_id().is_empty() {
        violations.push("request_id", "must be empty here");
    }
    if request.take_validate_only() {
        violations.push("validate_only", "must be false here");
    }
    request.command(violations)
}
