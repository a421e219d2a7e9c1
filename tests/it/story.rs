//! A seeded story of a small world: who joins, leaves, publishes, signs and campaigns, in what order.

use hansa_proto::pb::feed::v1::{
    EndCampaignRequest, JoinCampaignRequest, RetractStatementRequest, SignStatementRequest,
};
use hansa_proto::pb::registry::v1::{JoinNetworkRequest, LeaveNetworkRequest};
use hansa_tests::{World, make};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tonic::Code;

const COUNTRIES: [&str; 4] = ["ES", "DE", "FR", "BR"];
pub(crate) const NETWORKS: usize = 5;
pub(crate) const MEMBERS: usize = 12;

/// Tells a story one step at a time; every step goes through gRPC and carries a request id.
pub(crate) struct Story {
    random: StdRng,
    step: usize,
    /// Position of the registry's last commit.
    pub(crate) registry_position: u64,
}

impl Story {
    pub(crate) fn seeded(seed: u64) -> Story {
        println!("seed {seed}");
        Story { random: StdRng::seed_from_u64(seed), step: 0, registry_position: 0 }
    }

    /// Networks, some with themes, and members of several countries.
    pub(crate) async fn begin(&mut self, world: &World) {
        let mut registry = world.registry();
        for number in 0..NETWORKS {
            let mut request = make::network(&network(number));
            request.network.as_mut().unwrap().themes = vec![format!("theme {}", number % 3)];
            self.registry_position =
                registry.create_network(request).await.unwrap().into_inner().position;
        }
        for number in 0..MEMBERS {
            let request = make::member(&member(number), COUNTRIES[number % COUNTRIES.len()]);
            self.registry_position =
                registry.create_member(request).await.unwrap().into_inner().position;
        }
    }

    /// Does the next thing. What the rules refuse has no effect and is part of the story.
    pub(crate) async fn step(&mut self, world: &World) {
        self.step += 1;
        let (network, member) = (self.network(), self.member());
        let request_id = format!("step-{}", self.step);
        match self.random.random_range(0..10) {
            0..4 => {
                let request = JoinNetworkRequest {
                    occurred_at: make::date(&[2000 + (self.step % 26) as i32]),
                    request_id,
                    ..make::join(&network, &member)
                };
                let joined = world.registry().join_network(request).await;
                self.registry_moved(accepted(joined).map(|response| response.position));
            }
            4 => {
                let request = LeaveNetworkRequest {
                    name: make::membership_name(&network, &member),
                    request_id,
                    ..Default::default()
                };
                let left = world.registry().leave_network(request).await;
                self.registry_moved(accepted(left).map(|response| response.position));
            }
            5 => {
                let signatories = [self.member(), self.member()];
                let signatories: Vec<&str> = signatories.iter().map(String::as_str).collect();
                let mut request =
                    make::statement(&self.id("statement"), &network, &signatories[..1]);
                request.min_registry_position = self.registry_position;
                request.request_id = request_id;
                accepted(world.statements().publish_statement(request).await);
            }
            6 => {
                let request = SignStatementRequest {
                    name: format!("statements/{}", self.earlier("statement")),
                    member: make::member_name(&member),
                    request_id,
                    ..Default::default()
                };
                accepted(world.statements().sign_statement(request).await);
            }
            7 => {
                let mut request = make::campaign(&self.id("campaign"), &network);
                request.campaign.as_mut().unwrap().leads = vec![make::member_name(&member)];
                request.min_registry_position = self.registry_position;
                request.request_id = request_id;
                accepted(world.campaigns().launch_campaign(request).await);
            }
            8 => {
                let request = JoinCampaignRequest {
                    name: format!("campaigns/{}", self.earlier("campaign")),
                    member: make::member_name(&member),
                    request_id,
                    ..Default::default()
                };
                accepted(world.campaigns().join_campaign(request).await);
            }
            _ if self.step.is_multiple_of(2) => {
                let request = RetractStatementRequest {
                    name: format!("statements/{}", self.earlier("statement")),
                    request_id,
                    ..Default::default()
                };
                accepted(world.statements().retract_statement(request).await);
            }
            _ => {
                let request = EndCampaignRequest {
                    name: format!("campaigns/{}", self.earlier("campaign")),
                    request_id,
                    ..Default::default()
                };
                accepted(world.campaigns().end_campaign(request).await);
            }
        }
    }

    /// A number below `bound`, from the same seed.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound)
    }

    pub(crate) fn network(&mut self) -> String {
        network(self.below(NETWORKS))
    }

    pub(crate) fn member(&mut self) -> String {
        member(self.below(MEMBERS))
    }

    fn id(&self, what: &str) -> String {
        format!("{what}-{}", self.step)
    }

    fn earlier(&mut self, what: &str) -> String {
        format!("{what}-{}", self.random.random_range(0..self.step))
    }

    fn registry_moved(&mut self, position: Option<u64>) {
        self.registry_position = position.unwrap_or(self.registry_position);
    }
}

pub(crate) fn network(number: usize) -> String {
    format!("network-{number}")
}

pub(crate) fn member(number: usize) -> String {
    format!("member-{number}")
}

/// The answer, or nothing when rules or absence refused the call; anything else is a failure.
fn accepted<T>(result: Result<tonic::Response<T>, tonic::Status>) -> Option<T> {
    match result {
        Ok(response) => Some(response.into_inner()),
        Err(status)
            if matches!(
                status.code(),
                Code::FailedPrecondition | Code::NotFound | Code::AlreadyExists
            ) =>
        {
            None
        }
        Err(status) => panic!("a step failed: {status:?}"),
    }
}
