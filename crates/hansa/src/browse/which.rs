//! Flags of lists and reads of the registry: which ones, in which order, at which of the two times.

use clap::Args;
use hansa_proto::date::PartialDate;
use hansa_proto::pb::common::v1 as common;

use crate::values;

/// Which ones, in which order.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only those that match, such as `kind = front AND founded >= 2015`, or `koln` in a name
    #[arg(long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub(super) filter: String,

    /// In this order: name, or founded, population or joined; ` desc` behind it for the other way
    #[arg(long, value_name = "ORDER", default_value = "", hide_default_value = true)]
    pub(super) order_by: String,
}

/// Nothing: it is shown as it stands.
#[derive(Debug, Args)]
pub(super) struct Now {}

/// What was recorded by then.
#[derive(Debug, Args)]
pub(super) struct Recorded {
    /// As recorded at this position; 0 is now
    #[arg(long, value_name = "POSITION", default_value_t = 0, hide_default_value = true)]
    pub(super) at_position: u64,
}

/// What was so on a day, as recorded by then.
#[derive(Debug, Args)]
pub(super) struct OnADay {
    /// As it was in the world on this date: 2018, 2018-09 or 2018-09-26
    #[arg(long, value_name = "DATE", value_parser = values::date)]
    as_of: Option<PartialDate>,

    #[command(flatten)]
    pub(super) recorded: Recorded,
}

impl OnADay {
    /// The date, for a request.
    pub(super) fn as_of(&self) -> Option<common::PartialDate> {
        self.as_of.map(PartialDate::to_pb)
    }
}
