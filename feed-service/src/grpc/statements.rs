//! StatementService: what networks and members publish, sign, correct, withdraw and must erase.

use std::sync::Arc;

use hansa_proto::feed::Statement;
use hansa_proto::ids::{MemberId, NetworkId, StatementId};
use hansa_proto::limits;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::ReadView;
use pb::event::Body;
use pb::statement_service_server::StatementService;
use tonic::{Request, Response, Status};

use super::pages::{self, Mark};
use super::{Feed, contents, envelope, read};
use crate::domain::Command;
use crate::status;
use crate::view::Lookup;

const KIND: &str = "hansa.feed.v1.Statement";

/// The service.
pub(super) struct Statements(pub(super) Arc<Feed>);

#[tonic::async_trait]
impl StatementService for Statements {
    async fn publish_statement(
        &self,
        request: Request<pb::PublishStatementRequest>,
    ) -> Result<Response<pb::PublishStatementResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = publish(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::PublishStatementResponse {
            statement: statement(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn sign_statement(
        &self,
        request: Request<pb::SignStatementRequest>,
    ) -> Result<Response<pb::SignStatementResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = sign(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        let signature = match answered.body {
            Body::SignatureBody(signature) => Some(signature),
            _ => None,
        };
        Ok(Response::new(pb::SignStatementResponse {
            signature,
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn correct_statement(
        &self,
        request: Request<pb::CorrectStatementRequest>,
    ) -> Result<Response<pb::CorrectStatementResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = correct(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::CorrectStatementResponse {
            statement: statement(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn retract_statement(
        &self,
        request: Request<pb::RetractStatementRequest>,
    ) -> Result<Response<pb::RetractStatementResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = retract(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::RetractStatementResponse {
            statement: statement(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn redact_statement(
        &self,
        request: Request<pb::RedactStatementRequest>,
    ) -> Result<Response<pb::RedactStatementResponse>, Status> {
        let mut violations = Violations::default();
        let (envelope, message) = envelope::open(request, &mut violations);
        let command = redact(message, &mut violations);
        let answered = self.0.submit(envelope, command, violations).await?;
        Ok(Response::new(pb::RedactStatementResponse {
            statement: statement(answered.body),
            position: answered.position,
            replayed: answered.replayed,
        }))
    }

    async fn get_statement(
        &self,
        request: Request<pb::GetStatementRequest>,
    ) -> Result<Response<pb::GetStatementResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let message = request.into_inner();
        let mut violations = Violations::default();
        let id = read::name(&message.name, "name", StatementId::parse, &mut violations);
        violations.finish().map_err(status::malformed)?;
        let id = id.expect("what violates nothing was read");
        self.0.applied(message.min_position, patience).await?;
        let look = move |keys: &ReadView<'_>| {
            let lookup = Lookup(keys);
            let statement = lookup.statement_message(&id)?.into_iter();
            let found = statement.map(|statement| contents::bare(&lookup, statement));
            Ok((found.collect::<Result<_, _>>()?, ()))
        };
        let (mut found, (), position) = self.0.statements(look).await?;
        let statement = found.pop().ok_or_else(|| status::not_found(KIND, message.name))?;
        let statement = Some(Box::new(statement));
        Ok(Response::new(pb::GetStatementResponse { statement, position }))
    }

    async fn list_statements(
        &self,
        request: Request<pb::ListStatementsRequest>,
    ) -> Result<Response<pb::ListStatementsResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let mut message = request.into_inner();
        let mut violations = Violations::default();
        let network =
            read::optional_name(&message.network, "network", NetworkId::parse, &mut violations);
        let member =
            read::optional_name(&message.member, "member", MemberId::parse, &mut violations);
        if !message.network.is_empty() && !message.member.is_empty() {
            violations.push("member", "must not be given together with `network`");
        }
        let size = pages::size(std::mem::take(&mut message.page_size), &mut violations);
        let token = std::mem::take(&mut message.page_token);
        let min_position = std::mem::take(&mut message.min_position);
        let mark = Mark::of("ListStatements", &message);
        let after = mark.id_place(&token, &mut violations);
        violations.finish().map_err(status::malformed)?;
        self.0.applied(min_position, patience).await?;
        let look = move |keys: &ReadView<'_>| {
            let (lookup, network, member) = (Lookup(keys), network.as_ref(), member.as_ref());
            let page = lookup.statements(network, member, after.as_deref(), size)?;
            let found = page.rows.into_iter().map(|row| contents::bare(&lookup, row));
            Ok((found.collect::<Result<_, _>>()?, page.more_after))
        };
        let (statements, more_after, position) = self.0.statements(look).await?;
        Ok(Response::new(pb::ListStatementsResponse {
            statements,
            next_page_token: mark.next(more_after),
            position,
        }))
    }

    async fn list_signatures(
        &self,
        request: Request<pb::ListSignaturesRequest>,
    ) -> Result<Response<pb::ListSignaturesResponse>, Status> {
        let patience = envelope::patience(request.metadata());
        let mut message = request.into_inner();
        let mut violations = Violations::default();
        let id = read::name(&message.name, "name", StatementId::parse, &mut violations);
        let size = pages::size(std::mem::take(&mut message.page_size), &mut violations);
        let token = std::mem::take(&mut message.page_token);
        let min_position = std::mem::take(&mut message.min_position);
        let mark = Mark::of("ListSignatures", &message);
        let after = mark.id_place(&token, &mut violations);
        violations.finish().map_err(status::malformed)?;
        let id = id.expect("what violates nothing was read");
        self.0.applied(min_position, patience).await?;
        let (page, position) = self
            .0
            .query(move |keys| {
                let lookup = Lookup(keys);
                let page = match lookup.statement_message(&id)? {
                    Some(_) => Some(lookup.signatures(&id, after.as_deref(), size)?),
                    None => None,
                };
                Ok((page, keys.applied().get()))
            })
            .await?;
        let page = page.ok_or_else(|| status::not_found(KIND, message.name))?;
        Ok(Response::new(pb::ListSignaturesResponse {
            signatures: page.rows,
            next_page_token: mark.next(page.more_after),
            position,
        }))
    }
}

fn statement(body: Body) -> Option<Box<pb::Statement>> {
    match body {
        Body::StatementBody(statement) => Some(statement),
        _ => None,
    }
}

fn publish(message: pb::PublishStatementRequest, violations: &mut Violations) -> Option<Command> {
    let statement = read::required(message.statement, "statement", violations)
        .and_then(|statement| Statement::parse(*statement, "statement", violations));
    let signings = read::first_members(message.signatures, "signatures", violations, read::signing);
    Some(Command::PublishStatement { statement: Box::new(statement?), signings })
}

fn sign(message: pb::SignStatementRequest, violations: &mut Violations) -> Option<Command> {
    let statement = read::name(&message.name, "name", StatementId::parse, violations);
    let signature = pb::Signature {
        member: message.member,
        representative: message.representative,
        signed: message.signed,
        ..Default::default()
    };
    let signing = read::signing(signature, "", violations);
    Some(Command::SignStatement { statement: statement?, signing: signing? })
}

fn correct(message: pb::CorrectStatementRequest, violations: &mut Violations) -> Option<Command> {
    let statement = read::name(&message.name, "name", StatementId::parse, violations);
    let correction = read::required(message.statement, "statement", violations)
        .and_then(|statement| Statement::parse(*statement, "statement", violations));
    let reason = read::words(message.reason, limits::REASON_CHARACTERS, "reason", violations);
    Some(Command::CorrectStatement {
        statement: statement?,
        correction: Box::new(correction?),
        reason,
        etag: message.etag,
    })
}

fn redact(message: pb::RedactStatementRequest, violations: &mut Violations) -> Option<Command> {
    let statement = read::name(&message.name, "name", StatementId::parse, violations);
    let ground = message.legal_ground;
    if ground.trim().is_empty() {
        violations.push("legal_ground", "is required");
    }
    let legal_ground = read::words(ground, limits::REASON_CHARACTERS, "legal_ground", violations);
    Some(Command::RedactStatement { statement: statement?, legal_ground, etag: message.etag })
}

fn retract(message: pb::RetractStatementRequest, violations: &mut Violations) -> Option<Command> {
    let statement = read::name(&message.name, "name", StatementId::parse, violations);
    let reason = read::words(message.reason, limits::REASON_CHARACTERS, "reason", violations);
    let occurred_at = read::date(message.occurred_at, "occurred_at", violations);
    Some(Command::RetractStatement {
        statement: statement?,
        reason,
        occurred_at,
        etag: message.etag,
    })
}
