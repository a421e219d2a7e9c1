//! One call of an import: which row it comes from, when it happened, what it needs and makes.

use hansa_proto::date::PartialDate;
use hansa_proto::pb::feed::v1::{
    EndCampaignRequest, LaunchCampaignRequest, PublishStatementRequest,
};
use hansa_proto::pb::registry::v1::{
    CreateMemberRequest, CreateNetworkRequest, EndNetworkRequest, RecordMembershipRequest,
    RelateNetworksRequest,
};
use prost::Message;
use uuid::Uuid;

use super::problem::At;

/// What an import writes, for progress and report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Members.
    Member,
    /// Networks.
    Network,
    /// Twinnings, projects, funds and events between members, kept as networks.
    Cooperation,
    /// Relations between networks.
    Relation,
    /// Memberships.
    Membership,
    /// Campaigns.
    Campaign,
    /// Statements with their signatures.
    Statement,
    /// Ends of campaigns and networks.
    Ending,
}

impl Kind {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 8] = [
        Self::Member,
        Self::Network,
        Self::Cooperation,
        Self::Relation,
        Self::Membership,
        Self::Campaign,
        Self::Statement,
        Self::Ending,
    ];

    /// Its name, for several.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Member => "members",
            Self::Network => "networks",
            Self::Cooperation => "cooperations",
            Self::Relation => "relations",
            Self::Membership => "memberships",
            Self::Campaign => "campaigns",
            Self::Statement => "statements",
            Self::Ending => "endings",
        }
    }
}

/// Something a step makes true. A step that needs a fact comes after every step that makes it; a fact
/// that no step makes is taken as true, and the services judge.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    Network(String),
    Member(String),
    Campaign(String),
    /// The n-th term of a member in a network.
    Term {
        network: String,
        member: String,
        number: u32,
    },
    /// Something was done that needs the network open.
    NetworkUsed(String),
    /// Something was done that needs the campaign open.
    CampaignUsed(String),
}

/// One call.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) at: At,
    pub(super) kind: Kind,
    /// When it happened. None comes first.
    pub(super) date: Option<PartialDate>,
    pub(super) needs: Vec<Fact>,
    pub(super) makes: Vec<Fact>,
    pub(super) write: Write,
}

/// The call itself.
#[derive(Debug, Clone)]
pub(super) enum Write {
    CreateMember(Box<CreateMemberRequest>),
    CreateNetwork(Box<CreateNetworkRequest>),
    RelateNetworks(Box<RelateNetworksRequest>),
    RecordMembership(Box<RecordMembershipRequest>),
    EndNetwork(Box<EndNetworkRequest>),
    LaunchCampaign(Box<LaunchCampaignRequest>),
    PublishStatement(Box<PublishStatementRequest>),
    EndCampaign(Box<EndCampaignRequest>),
}

impl Step {
    /// A step whose call carries an id made of its row and of what it says: the same row gives the
    /// same id, so that a second run is answered with what the first one did.
    pub(super) fn new(at: &At, kind: Kind, date: Option<PartialDate>, mut write: Write) -> Self {
        let (method, content) = write.content();
        let parts = [at.file.as_bytes(), at.key.as_bytes(), method.as_bytes(), &content];
        let id = Uuid::new_v5(&REQUEST_IDS, &parts.join(&0)).to_string();
        *write.request_id() = id;
        Self { at: at.clone(), kind, date, needs: Vec::new(), makes: Vec::new(), write }
    }

    pub(super) fn needs(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.needs.extend(facts);
        self
    }

    pub(super) fn makes(mut self, facts: impl IntoIterator<Item = Fact>) -> Self {
        self.makes.extend(facts);
        self
    }
}

/// Namespace of the request ids of imports. Changing it makes every import start anew.
const REQUEST_IDS: Uuid = Uuid::from_u128(0x6d4f_a1b2_53c8_4e0f_9a57_1c3e_86d0_b7f4);

impl Write {
    fn content(&self) -> (&'static str, Vec<u8>) {
        match self {
            Self::CreateMember(request) => ("CreateMember", request.encode_to_vec()),
            Self::CreateNetwork(request) => ("CreateNetwork", request.encode_to_vec()),
            Self::RelateNetworks(request) => ("RelateNetworks", request.encode_to_vec()),
            Self::RecordMembership(request) => ("RecordMembership", request.encode_to_vec()),
            Self::EndNetwork(request) => ("EndNetwork", request.encode_to_vec()),
            Self::LaunchCampaign(request) => ("LaunchCampaign", request.encode_to_vec()),
            Self::PublishStatement(request) => ("PublishStatement", request.encode_to_vec()),
            Self::EndCampaign(request) => ("EndCampaign", request.encode_to_vec()),
        }
    }

    pub(super) fn request_id(&mut self) -> &mut String {
        match self {
            Self::CreateMember(request) => &mut request.request_id,
            Self::CreateNetwork(request) => &mut request.request_id,
            Self::RelateNetworks(request) => &mut request.request_id,
            Self::RecordMembership(request) => &mut request.request_id,
            Self::EndNetwork(request) => &mut request.request_id,
            Self::LaunchCampaign(request) => &mut request.request_id,
            Self::PublishStatement(request) => &mut request.request_id,
            Self::EndCampaign(request) => &mut request.request_id,
        }
    }
}

pub(super) fn network_name(id: &str) -> String {
    named("networks", id)
}

pub(super) fn member_name(id: &str) -> String {
    named("members", id)
}

pub(super) fn campaign_name(id: &str) -> String {
    named("campaigns", id)
}

pub(super) fn statement_name(id: &str) -> String {
    named("statements", id)
}

/// Absent stays absent.
fn named(collection: &str, id: &str) -> String {
    match id.is_empty() {
        true => String::new(),
        false => format!("{collection}/{id}"),
    }
}
