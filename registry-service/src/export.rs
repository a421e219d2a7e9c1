//! Export: everything at one position, as a stream that pulls.
//!
//! The position is chosen when the stream opens. Each message is read from the view as it is then, every
//! resource as it was at the position: neither do writes wait for a slow reader, nor does a reader see
//! half of them.

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hansa_chassis::shutdown::Shutdown;
use hansa_journal::Position;
use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::limits;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;
use hansa_view::{Keys, ReadView, ViewError};
use pb::ExportKind;
use pb::export_response::Message;
use prost::Message as _;
use tonic::Status;

use crate::query::{Queries, Wait};
use crate::view::versions;
use crate::{status, view};

/// Rows looked at in one go.
const SCAN: usize = 256;

/// What is asked for.
#[derive(Clone, Debug)]
struct Asked {
    kinds: Vec<ExportKind>,
    network: Option<NetworkId>,
}

impl Asked {
    /// Reads a request.
    fn parse(request: &pb::ExportRequest) -> Result<Asked, Violations> {
        let mut violations = Violations::default();
        let mut kinds = Vec::new();
        for (index, kind) in request.kinds.iter().enumerate() {
            match ExportKind::try_from(*kind) {
                Ok(kind) if kind != ExportKind::Unspecified => kinds.push(kind),
                _ => violations.push(format!("kinds[{index}]"), "must be a known kind"),
            }
        }
        let all = [ExportKind::Networks, ExportKind::Members, ExportKind::Memberships];
        let asked_for = |kind: &ExportKind| kinds.is_empty() || kinds.contains(kind);
        let kinds = all.into_iter().filter(asked_for).collect();
        let network = match request.network.is_empty() {
            true => None,
            false => NetworkId::parse(&request.network)
                .map_err(|problem| violations.push("network", problem))
                .ok(),
        };
        violations.finish()?;
        Ok(Asked { kinds, network })
    }
}

/// Opens the stream, or says why it cannot be.
pub(crate) async fn export(
    queries: Queries,
    shutdown: Shutdown,
    wait: Wait,
    request: pb::ExportRequest,
) -> Result<impl Stream<Item = Result<pb::ExportResponse, Status>> + use<>, Status> {
    let asked = Asked::parse(&request).map_err(status::malformed)?;
    let ((), head) = queries.read(wait, |_| Ok(())).await?;
    if request.at_position > head {
        return Err(status::in_future(Position::new(head), queries.reader()));
    }
    let position = if request.at_position == 0 { head } else { request.at_position };
    let identity = Bytes::copy_from_slice(queries.reader().identity().as_bytes());
    let export = Export {
        header: Some(pb::ExportHeader { identity, position }),
        queries,
        shutdown,
        position: Position::new(position),
        left: asked.kinds.into_iter().rev().collect(),
        network: asked.network,
        after: None,
        end: pb::ExportEnd::default(),
        ended: false,
    };
    Ok(stream::unfold(export, |mut export| async move {
        let next = export.next().await?;
        Some((next, export))
    }))
}

struct Export {
    header: Option<pb::ExportHeader>,
    queries: Queries,
    shutdown: Shutdown,
    position: Position,
    /// Kinds not sent whole; the present one is the last.
    left: Vec<ExportKind>,
    network: Option<NetworkId>,
    /// Key of the last row looked at of the present kind.
    after: Option<Vec<u8>>,
    end: pb::ExportEnd,
    ended: bool,
}

impl Export {
    /// The next message; the end, or an error, is the last.
    async fn next(&mut self) -> Option<Result<pb::ExportResponse, Status>> {
        if self.ended {
            return None;
        }
        let message = match self.header.take() {
            Some(header) => Ok(Message::Header(header)),
            None => self.rows_or_end().await,
        };
        self.ended = !matches!(message, Ok(Message::Header(_) | Message::Rows(_)));
        Some(message.map(|message| pb::ExportResponse { message: Some(message) }))
    }

    async fn rows_or_end(&mut self) -> Result<Message, Status> {
        while let Some(kind) = self.left.last().copied() {
            if self.shutdown.draining() {
                return Err(status::not_serving());
            }
            let asked = AskedPage {
                kind,
                network: self.network.clone(),
                after: self.after.take(),
                position: self.position,
            };
            let (page, _) = self.queries.read(Wait::none(), move |keys| asked.look(keys)).await?;
            self.after = page.more_after;
            if self.after.is_none() {
                self.left.pop();
            }
            if page.count == 0 {
                continue;
            }
            match kind {
                ExportKind::Networks => self.end.networks += page.count,
                ExportKind::Members => self.end.members += page.count,
                ExportKind::Memberships => self.end.memberships += page.count,
                ExportKind::Unspecified => {}
            }
            return Ok(Message::Rows(page.rows));
        }
        Ok(Message::End(self.end))
    }
}

/// What the next message is made of.
struct AskedPage {
    kind: ExportKind,
    network: Option<NetworkId>,
    after: Option<Vec<u8>>,
    position: Position,
}

/// Rows of one message.
#[derive(Default)]
struct Page {
    rows: pb::ExportRows,
    count: i64,
    bytes: usize,
    /// Key after which there may be more.
    more_after: Option<Vec<u8>>,
}

impl AskedPage {
    fn look(&self, keys: &ReadView<'_>) -> Result<Page, ViewError> {
        let mut page = Page::default();
        if let (ExportKind::Networks, Some(network)) = (self.kind, &self.network) {
            page.push_network(keys, network, self.position)?;
            return Ok(page);
        }
        let prefix = match (self.kind, &self.network) {
            (ExportKind::Networks, _) => view::NETWORKS.to_vec(),
            (ExportKind::Members, None) => view::MEMBERS.to_vec(),
            // Members of a network are found, and ordered, by their memberships.
            (_, Some(network)) => view::memberships_of_network(network),
            (_, None) => view::MEMBERSHIPS.to_vec(),
        };
        let entries = keys.scan(&prefix, self.after.as_deref(), SCAN)?;
        let whole = entries.len() < SCAN;
        for (key, _) in entries {
            self.push(keys, &key, &mut page)?;
            if page.bytes >= limits::EXPORT_BYTES {
                page.more_after = Some(key);
                return Ok(page);
            }
            if !whole {
                page.more_after = Some(key);
            }
        }
        Ok(page)
    }

    fn push(&self, keys: &ReadView<'_>, key: &[u8], page: &mut Page) -> Result<(), ViewError> {
        let name = view::name_of(key)?;
        match (self.kind, &self.network) {
            (ExportKind::Networks, _) => {
                let id = NetworkId::from_id(name).map_err(ViewError::Value)?;
                page.push_network(keys, &id, self.position)
            }
            (ExportKind::Members, None) => {
                let id = MemberId::from_id(name).map_err(ViewError::Value)?;
                page.push_member(keys, &id, self.position)
            }
            (kind, _) => {
                let id = view::membership_of(name)?;
                let held = versions::membership_at(keys, &id, self.position)?;
                match (held, kind) {
                    (None, _) => Ok(()),
                    (Some(_), ExportKind::Members) => {
                        page.push_member(keys, &id.member, self.position)
                    }
                    (Some(membership), _) => {
                        page.added(membership.encoded_len());
                        page.rows.memberships.push(membership);
                        Ok(())
                    }
                }
            }
        }
    }
}

impl Page {
    fn added(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn push_network(
        &mut self,
        keys: &ReadView<'_>,
        id: &NetworkId,
        position: Position,
    ) -> Result<(), ViewError> {
        let Some(network) = versions::network_at(keys, id, position)? else { return Ok(()) };
        let (active, _) = versions::active_at(keys, id, position)?;
        let active_member_count = view::on_the_wire(active);
        self.added(network.encoded_len());
        self.rows.networks.push(pb::Network { active_member_count, ..network });
        Ok(())
    }

    fn push_member(
        &mut self,
        keys: &ReadView<'_>,
        id: &MemberId,
        position: Position,
    ) -> Result<(), ViewError> {
        let Some(member) = versions::member_at(keys, id, position)? else { return Ok(()) };
        self.added(member.encoded_len());
        self.rows.members.push(member);
        Ok(())
    }
}
