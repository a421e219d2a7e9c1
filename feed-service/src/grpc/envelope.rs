//! What surrounds a command: its request id, the hash of its payload, and how long it may wait.

use std::time::Duration;

use hansa_chassis::server;
use hansa_proto::ids::RequestId;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataMap;

/// How long to wait for a position when the caller sets no deadline.
const USUAL_PATIENCE: Duration = Duration::from_secs(10);

/// What surrounds a command.
pub(super) struct Envelope {
    pub(super) request_id: Option<RequestId>,
    /// Of a request with an id; otherwise zeros.
    pub(super) payload_hash: [u8; 32],
    pub(super) validate_only: bool,
    pub(super) min_registry_position: u64,
    pub(super) patience: Duration,
}

/// The fields of a request that are no payload.
pub(super) struct Surroundings {
    request_id: String,
    validate_only: bool,
    min_registry_position: u64,
}

/// A request that writes.
pub(super) trait Write: Message {
    /// The name of its method.
    const METHOD: &'static str;

    /// Takes out what is no payload.
    fn take_surroundings(&mut self) -> Surroundings;
}

macro_rules! writes {
    ($($request:ident $method:literal $(waits by $min:ident)?;)+) => { $(
        impl Write for pb::$request {
            const METHOD: &'static str = $method;

            fn take_surroundings(&mut self) -> Surroundings {
                Surroundings {
                    request_id: std::mem::take(&mut self.request_id),
                    validate_only: std::mem::take(&mut self.validate_only),
                    min_registry_position: 0 $(+ std::mem::take(&mut self.$min))?,
                }
            }
        }
    )+ };
}
writes! {
    PublishStatementRequest "PublishStatement" waits by min_registry_position;
    SignStatementRequest "SignStatement" waits by min_registry_position;
    CorrectStatementRequest "CorrectStatement" waits by min_registry_position;
    RetractStatementRequest "RetractStatement";
    RedactStatementRequest "RedactStatement";
    LaunchCampaignRequest "LaunchCampaign" waits by min_registry_position;
    JoinCampaignRequest "JoinCampaign" waits by min_registry_position;
    LeaveCampaignRequest "LeaveCampaign";
    AddMilestoneRequest "AddMilestone";
    EndCampaignRequest "EndCampaign";
    CreateSubscriptionRequest "CreateSubscription";
    CommitCursorRequest "CommitCursor";
    DeleteSubscriptionRequest "DeleteSubscription";
    ChangeLeadsRequest "ChangeLeads" waits by min_registry_position;
    EvaluateCampaignRequest "EvaluateCampaign";
    AttachStatementRequest "AttachStatement";
    HandOverCampaignRequest "HandOverCampaign" waits by min_registry_position;
}

/// Separates a request from what surrounds it.
pub(super) fn open<W: Write>(
    request: tonic::Request<W>,
    violations: &mut Violations,
) -> (Envelope, W) {
    let patience = patience(request.metadata());
    let mut message = request.into_inner();
    let Surroundings { request_id, validate_only, min_registry_position } =
        message.take_surroundings();
    let request_id = match request_id.as_str() {
        "" => None,
        text => {
            RequestId::parse(text).map_err(|problem| violations.push("request_id", problem)).ok()
        }
    };
    // Only a request id makes it matter.
    let payload_hash = request_id.as_ref().map(|_| payload_hash(&message)).unwrap_or_default();
    let envelope =
        Envelope { request_id, payload_hash, validate_only, min_registry_position, patience };
    (envelope, message)
}

fn payload_hash<W: Write>(message: &W) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(W::METHOD);
    hash.update([0]);
    hash.update(message.encode_to_vec());
    hash.finalize().into()
}

/// How long a call may wait for a position: most of the caller's deadline.
pub(super) fn patience(metadata: &MetadataMap) -> Duration {
    server::patience(metadata, USUAL_PATIENCE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn opened(request: pb::SignStatementRequest) -> (Envelope, Violations) {
        let mut violations = Violations::default();
        let (envelope, _) = open(tonic::Request::new(request), &mut violations);
        (envelope, violations)
    }

    #[test]
    fn only_the_payload_counts_for_the_hash() {
        let plain = pb::SignStatementRequest {
            name: "statements/a".into(),
            request_id: "first".into(),
            ..Default::default()
        };
        let (first, _) = opened(plain.clone());
        let (second, violations) = opened(pb::SignStatementRequest {
            request_id: "again".into(),
            min_registry_position: 9,
            validate_only: true,
            ..plain.clone()
        });
        assert!(violations.is_empty());
        assert_eq!(first.payload_hash, second.payload_hash);
        assert_eq!((second.min_registry_position, second.validate_only), (9, true));
        let (other, _) = opened(pb::SignStatementRequest { name: "statements/b".into(), ..plain });
        assert_ne!(first.payload_hash, other.payload_hash);
    }

    #[test]
    fn methods_with_equal_fields_have_different_hashes() {
        let mut violations = Violations::default();
        let (name, request_id) = ("campaigns/a".to_owned(), "first".to_owned());
        let joins = pb::JoinCampaignRequest {
            name: name.clone(),
            request_id: request_id.clone(),
            ..Default::default()
        };
        let leaves = pb::LeaveCampaignRequest { name, request_id, ..Default::default() };
        let (joins, _) = open(tonic::Request::new(joins), &mut violations);
        let (leaves, _) = open(tonic::Request::new(leaves), &mut violations);
        assert_ne!(joins.payload_hash, leaves.payload_hash);
    }

    #[test]
    fn a_request_id_must_be_visible() {
        let request = pb::SignStatementRequest { request_id: "a b".into(), ..Default::default() };
        assert_eq!(opened(request).1.into_vec()[0].field, "request_id");
    }
}
