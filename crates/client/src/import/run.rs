//! Making the calls of a plan, and the report.
//!
//! Members do not depend on each other and go out several at a time; everything after goes out one by
//! one, in order. A call that may succeed later is made again with the same request id. A row that a
//! service refuses is reported and the next one follows; a service that does not work ends the import,
//! which can be run again.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use tokio::task::JoinSet;
use tonic::Code;

use super::plan::Plan;
use super::problem::At;
use super::step::{Kind, Step, Write};
use crate::connect::{Feed, Registry};
use crate::error::CallError;

const IN_FLIGHT: usize = 16;
const TRIES: u32 = 7;
const DELAY_FIRST: Duration = Duration::from_millis(100);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Calls made.
    pub done: usize,
    /// Calls to make.
    pub total: usize,
    /// What was written last.
    pub kind: Kind,
}

/// What became of the calls of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Written now.
    pub created: usize,
    /// Written by an earlier run.
    pub unchanged: usize,
    /// Refused.
    pub failed: usize,
}

/// A row that a service refused.
#[derive(Debug)]
pub struct Failure {
    /// Which row.
    pub at: At,
    /// Why.
    pub error: CallError,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Report {
    /// By kind; kinds of which there was nothing are left out.
    pub counts: BTreeMap<Kind, Count>,
    /// Rows refused, in the order of the calls.
    pub failures: Vec<Failure>,
    /// Position of the last write to the registry. 0: none.
    pub registry_position: u64,
    /// Position of the last write to the feed. 0: none.
    pub feed_position: u64,
}

/// Why an import stopped before its end.
#[derive(Debug, thiserror::Error)]
#[error("the import stopped at {at}; run it again to go on where it stopped")]
pub struct ImportError {
    /// The row it stopped at.
    pub at: At,
    /// Why.
    #[source]
    pub error: CallError,
}

impl Plan {
    /// Makes the calls. `progress` is called after each.
    pub async fn run(
        self,
        registry: &Registry,
        feed: &Feed,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, ImportError> {
        let total = self.steps.len();
        let mut report = Report::default();
        let mut done = 0;
        let mut record = |step: Made, report: &mut Report| -> Result<(), ImportError> {
            let kind = step.kind;
            report.take(step)?;
            done += 1;
            progress(Progress { done, total, kind });
            Ok(())
        };

        let split = self.steps.iter().take_while(|step| step.kind == Kind::Member).count();
        let mut members = VecDeque::from(self.steps);
        let rest = members.split_off(split);
        let mut calls = JoinSet::new();
        loop {
            while calls.len() < IN_FLIGHT
                && let Some(step) = members.pop_front()
            {
                calls.spawn(make(step, registry.clone(), feed.clone(), 0));
            }
            match calls.join_next().await {
                Some(Ok(made)) => record(made, &mut report)?,
                Some(Err(panicked)) => std::panic::resume_unwind(panicked.into_panic()),
                None => break,
            }
        }
        for step in rest {
            let position = report.registry_position;
            let made = Box::pin(make(step, registry.clone(), feed.clone(), position)).await;
            record(made, &mut report)?;
        }
        Ok(report)
    }
}

impl Report {
    /// Calls that wrote something.
    pub fn created(&self) -> usize {
        self.counts.values().map(|count| count.created).sum()
    }

    /// Calls whose work was done by an earlier run.
    pub fn unchanged(&self) -> usize {
        self.counts.values().map(|count| count.unchanged).sum()
    }

    fn take(&mut self, made: Made) -> Result<(), ImportError> {
        let count = self.counts.entry(made.kind).or_default();
        match made.answer {
            Ok(answer) => {
                match answer.replayed {
                    true => count.unchanged += 1,
                    false => count.created += 1,
                }
                let last = match answer.service {
                    Service::Registry => &mut self.registry_position,
                    Service::Feed => &mut self.feed_position,
                };
                *last = answer.position.max(*last);
                Ok(())
            }
            Err(error) if concerns_the_row(&error) => {
                count.failed += 1;
                self.failures.push(Failure { at: made.at, error });
                Ok(())
            }
            Err(error) => Err(ImportError { at: made.at, error }),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.created() == 0 && self.failures.is_empty() {
            return write!(
                formatter,
                "nothing changed: all {} writes were there",
                self.unchanged()
            );
        }
        write!(formatter, "{} written", self.created())?;
        if self.unchanged() > 0 {
            write!(formatter, ", {} there already", self.unchanged())?;
        }
        if !self.failures.is_empty() {
            write!(formatter, ", {} refused", self.failures.len())?;
        }
        Ok(())
    }
}

/// A call that was made.
struct Made {
    at: At,
    kind: Kind,
    answer: Result<Answer, CallError>,
}

struct Answer {
    service: Service,
    position: u64,
    replayed: bool,
}

#[derive(Clone, Copy)]
enum Service {
    Registry,
    Feed,
}

/// Whether the row is at fault, and not the service or the way to it.
fn concerns_the_row(error: &CallError) -> bool {
    matches!(
        error.code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Aborted
    )
}

async fn make(step: Step, registry: Registry, feed: Feed, registry_position: u64) -> Made {
    let Step { at, kind, write, .. } = step;
    let mut delay = DELAY_FIRST;
    let mut tries = 1;
    let answer = loop {
        match Box::pin(write.clone().call(&registry, &feed, registry_position)).await {
            Err(error) if tries < TRIES && (error.retryable || error.side_effects_unknown) => {
                tracing::debug!(%at, %error, tries, "trying again");
                tokio::time::sleep(error.retry_after.unwrap_or(delay)).await;
                tries += 1;
                delay *= 2;
            }
            answer => break answer,
        }
    };
    Made { at, kind, answer }
}

/// Makes one call and reads what every answer to a write has.
macro_rules! answer {
    ($service:expr, $client:expr, $method:ident, $request:expr) => {{
        let mut request = tonic::Request::new($request);
        request.set_timeout(CALL_TIMEOUT);
        let response = $client.clone().$method(request).await?.into_inner();
        Ok(Answer { service: $service, position: response.position, replayed: response.replayed })
    }};
}

impl Write {
    /// Writes to the feed wait until it has followed the registry to the last write made there.
    async fn call(
        self,
        registry: &Registry,
        feed: &Feed,
        registry_position: u64,
    ) -> Result<Answer, CallError> {
        use Service::{Feed as OfFeed, Registry as OfRegistry};
        let networks = &registry.registry;
        match self {
            Self::CreateMember(request) => answer!(OfRegistry, networks, create_member, *request),
            Self::CreateNetwork(request) => answer!(OfRegistry, networks, create_network, *request),
            Self::RelateNetworks(request) => {
                answer!(OfRegistry, networks, relate_networks, *request)
            }
            Self::RecordMembership(request) => {
                answer!(OfRegistry, networks, record_membership, *request)
            }
            Self::EndNetwork(request) => answer!(OfRegistry, networks, end_network, *request),
            Self::LaunchCampaign(mut request) => {
                request.min_registry_position = registry_position;
                answer!(OfFeed, feed.campaigns, launch_campaign, *request)
            }
            Self::PublishStatement(mut request) => {
                request.min_registry_position = registry_position;
                answer!(OfFeed, feed.statements, publish_statement, *request)
            }
            Self::EndCampaign(request) => answer!(OfFeed, feed.campaigns, end_campaign, *request),
        }
    }
}
