//! What was asked for, kept in the first of several commits that do it together: should an append be cut
//! off between them, it is asked for again.

use hansa_proto::common::Source;
use hansa_proto::date::PartialDate;
use hansa_proto::ids::{MemberId, NetworkId};
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::violation::Violations;

use super::CodecError;
use crate::domain::{Command, EndNetwork, RetireMember};

/// A command that ends many memberships; one of the two.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Unfinished {
    /// The end of a network.
    #[prost(message, optional, tag = "1")]
    end: Option<pb::EndNetworkRequest>,
    /// The retirement of a member.
    #[prost(message, optional, tag = "2")]
    retire: Option<pb::RetireMemberRequest>,
}

impl Unfinished {
    /// Of a command; `None` for those that are one commit. The etag was looked at already.
    pub(crate) fn of(command: &Command) -> Option<Unfinished> {
        match command {
            Command::EndNetwork(end) => {
                let end = pb::EndNetworkRequest {
                    name: end.network.to_string(),
                    ended: end.ended.map(|date| date.to_pb()),
                    merged_into: end
                        .merged_into
                        .as_ref()
                        .map(NetworkId::to_string)
                        .unwrap_or_default(),
                    sources: end.sources.iter().map(Source::to_pb).collect(),
                    ..pb::EndNetworkRequest::default()
                };
                Some(Unfinished { end: Some(end), retire: None })
            }
            Command::RetireMember(retire) => {
                let retire = pb::RetireMemberRequest {
                    name: retire.member.to_string(),
                    retired: retire.retired.map(|date| date.to_pb()),
                    sources: retire.sources.iter().map(Source::to_pb).collect(),
                    ..pb::RetireMemberRequest::default()
                };
                Some(Unfinished { end: None, retire: Some(retire) })
            }
            _ => None,
        }
    }

    /// The command.
    pub(crate) fn command(self) -> Result<Command, CodecError> {
        let broken = |why: String| CodecError::new("what is unfinished", why);
        match (self.end, self.retire) {
            (Some(end), None) => Ok(Command::EndNetwork(EndNetwork {
                network: NetworkId::parse(&end.name).map_err(broken)?,
                ended: date(end.ended)?,
                merged_into: match end.merged_into.as_str() {
                    "" => None,
                    name => Some(NetworkId::parse(name).map_err(broken)?),
                },
                sources: sources(end.sources)?,
                etag: None,
            })),
            (None, Some(retire)) => Ok(Command::RetireMember(RetireMember {
                member: MemberId::parse(&retire.name).map_err(broken)?,
                retired: date(retire.retired)?,
                sources: sources(retire.sources)?,
                etag: None,
            })),
            _ => Err(broken("it is not of one command".to_owned())),
        }
    }
}

fn date(message: Option<common::PartialDate>) -> Result<Option<PartialDate>, CodecError> {
    let mut violations = Violations::default();
    let date = message.and_then(|it| PartialDate::parse(it, "date", &mut violations));
    violations.finish().map_err(|error| CodecError::new("what is unfinished", error))?;
    Ok(date)
}

fn sources(messages: Vec<common::Source>) -> Result<Vec<Source>, CodecError> {
    let mut violations = Violations::default();
    let read = messages.into_iter().map(|it| Source::parse(it, "sources", &mut violations));
    let sources: Vec<Source> = read.flatten().collect();
    violations.finish().map_err(|error| CodecError::new("what is unfinished", error))?;
    Ok(sources)
}
