//! `hansa.chaos.v1.ChaosService`: the front's control, for tests in any language.

use std::collections::BTreeMap;
use std::sync::Arc;

use hansa_chassis::health::Health;
use hansa_chassis::server::{ServeError, ServeOptions, Services, serve};
use hansa_chassis::shutdown::Shutdown;
use hansa_proto::pb;
use hansa_proto::pb::chaos::v1::chaos_service_server::{ChaosService, ChaosServiceServer};
use hansa_proto::pb::chaos::v1::{
    ApplyRequest, ApplyResponse, ListFaultsRequest, ListFaultsResponse, SetPlanRequest,
    SetPlanResponse,
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use crate::fault::{Fault, Known};
use crate::front::{Front, Shared};
use crate::kind::Kind;
use crate::plan::{EVERY_MAX, FAULTS_MAX, Plan, WEIGHT_MAX};
use crate::status;

struct Service(Arc<Shared>);

/// Serves the control of a front until the shutdown ends it.
pub async fn serve_control(
    front: &Front,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    let service = ChaosServiceServer::new(Service(front.shared()));
    let health = Health::new();
    health.serving("hansa.chaos.v1.ChaosService").await;
    let descriptors = pb::CHAOS_FILE_DESCRIPTOR_SET;
    let services = Services::default().and(service);
    serve(listener, services, health, descriptors, ServeOptions::default(), shutdown).await
}

#[tonic::async_trait]
impl ChaosService for Service {
    async fn apply(
        &self,
        request: Request<ApplyRequest>,
    ) -> Result<Response<ApplyResponse>, Status> {
        let fault = Fault::parse(request.into_inner().fault)
            .map_err(|(field, problem)| status::malformed(field, problem))?;
        let known = self.0.control.apply(fault);
        Ok(Response::new(ApplyResponse { fault: Some(known.to_pb()) }))
    }

    async fn list_faults(
        &self,
        request: Request<ListFaultsRequest>,
    ) -> Result<Response<ListFaultsResponse>, Status> {
        let number = request.into_inner().wait_until_fired;
        if number > 0 {
            let (faults, _) = self.0.control.faults();
            if !faults.iter().any(|known| known.number == number) {
                return Err(status::no_such_fault(number));
            }
            self.0.control.fired(number).await;
        }
        let (faults, events) = self.0.control.faults();
        let faults = faults.iter().map(Known::to_pb).collect();
        Ok(Response::new(ListFaultsResponse { faults, events }))
    }

    async fn set_plan(
        &self,
        request: Request<SetPlanRequest>,
    ) -> Result<Response<SetPlanResponse>, Status> {
        let plan = request.into_inner().plan.map(parse).transpose();
        let plan = plan.map_err(|(field, problem)| status::malformed(field, problem.to_owned()))?;
        let faults = self.0.control.set_plan(plan.as_ref());
        Ok(Response::new(SetPlanResponse { faults: faults.iter().map(Known::to_pb).collect() }))
    }
}

fn parse(plan: pb::chaos::v1::Plan) -> Result<Plan, (&'static str, &'static str)> {
    let usual = Plan::of_seed(plan.seed);
    let or_usual = |given: u32, usual: u32| if given == 0 { usual } else { given };
    let mut weights = BTreeMap::new();
    for weight in plan.weights {
        let kind = Kind::from_pb(weight.kind).ok_or(("plan.weights", "names no kind of fault"))?;
        if weight.weight > WEIGHT_MAX {
            return Err(("plan.weights", "a weight is more than 1,000"));
        }
        weights.insert(kind, weight.weight);
    }
    let faults = or_usual(plan.faults, usual.faults);
    let every = or_usual(plan.every, usual.every);
    if faults > FAULTS_MAX {
        return Err(("plan.faults", "is more than 1,000"));
    }
    if every > EVERY_MAX {
        return Err(("plan.every", "is more than 10,000"));
    }
    let plan = Plan { seed: plan.seed, faults, every, weights };
    if plan.draw().is_empty() {
        return Err(("plan.weights", "all are 0: there is nothing to draw"));
    }
    Ok(plan)
}
