//! The requests of a story.

use hansa_proto::pb::feed::v1::RedactStatementRequest;
use hansa_proto::pb::registry::v1::LeaveNetworkRequest;
use tonic::Status;

use super::{NETWORKS, PHRASE};
use crate::make;
use crate::world::Clients;

/// One request of the story of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    Create,
    Join,
    Leave,
    Publish,
    Redact,
}

impl Step {
    pub(super) fn of(number: u64) -> Vec<Step> {
        let mut steps = vec![Step::Create, Step::Join];
        if number.is_multiple_of(4) {
            steps.push(Step::Publish);
        }
        if number.is_multiple_of(8) {
            steps.push(Step::Redact);
        }
        if number.is_multiple_of(3) {
            steps.push(Step::Leave);
        }
        steps
    }

    pub(super) fn request_id(self, number: u64) -> String {
        format!("{self:?}-{number}")
    }

    /// Asks, and says at which position it is done and whether it was done before.
    pub(super) async fn ask(
        self,
        clients: &Clients,
        number: u64,
        registry_position: u64,
    ) -> Result<(u64, bool), Status> {
        let request_id = self.request_id(number);
        let (network, member) = (format!("n-{}", number % NETWORKS), format!("m-{number}"));
        match self {
            Step::Create => {
                let mut request = make::member(&member, "ES");
                request.request_id = request_id;
                let made = clients.registry().create_member(request).await?.into_inner();
                Ok((made.position, made.replayed))
            }
            Step::Join => {
                let mut request = make::join(&network, &member);
                request.request_id = request_id;
                let joined = clients.registry().join_network(request).await?.into_inner();
                Ok((joined.position, joined.replayed))
            }
            Step::Leave => {
                let name = make::membership_name(&network, &member);
                let request = LeaveNetworkRequest { name, request_id, ..Default::default() };
                let left = clients.registry().leave_network(request).await?.into_inner();
                Ok((left.position, left.replayed))
            }
            Step::Publish => {
                let mut request = make::statement(&format!("s-{number}"), &network, &[&member]);
                request.request_id = request_id;
                request.min_registry_position = registry_position;
                let statement = request.statement.as_mut().expect("it is one of a statement");
                statement.title = format!("{PHRASE}{number}.");
                let published = clients.statements().publish_statement(request).await?.into_inner();
                Ok((published.position, published.replayed))
            }
            Step::Redact => {
                let request = RedactStatementRequest {
                    name: format!("statements/s-{number}"),
                    legal_ground: "a ground".to_owned(),
                    request_id,
                    ..Default::default()
                };
                let redacted = clients.statements().redact_statement(request).await?.into_inner();
                Ok((redacted.position, redacted.replayed))
            }
        }
    }
}
