//! What can go wrong, by name.

use std::fmt;
use std::str::FromStr;

use hansa_proto::pb::chaos::v1::FaultKind;

/// One kind of fault. What each does stands in `hansa/chaos/v1/chaos_service.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Reset,
    Disconnect,
    GoAway,
    HalfClose,
    Truncate,
    Unavailable,
    Refuse,
    Delay,
    Pause,
    Drain,
    NewIdentity,
    ExpireCursors,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 12] = [
        Kind::Reset,
        Kind::Disconnect,
        Kind::GoAway,
        Kind::HalfClose,
        Kind::Truncate,
        Kind::Unavailable,
        Kind::Refuse,
        Kind::Delay,
        Kind::Pause,
        Kind::Drain,
        Kind::NewIdentity,
        Kind::ExpireCursors,
    ];

    /// Those that end a stream which another one can follow at once: `cut` on the command line.
    pub const CUTS: [Kind; 6] = [
        Kind::Reset,
        Kind::Disconnect,
        Kind::GoAway,
        Kind::HalfClose,
        Kind::Truncate,
        Kind::Unavailable,
    ];

    /// Its name, such as `go_away`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Reset => "reset",
            Kind::Disconnect => "disconnect",
            Kind::GoAway => "go_away",
            Kind::HalfClose => "half_close",
            Kind::Truncate => "truncate",
            Kind::Unavailable => "unavailable",
            Kind::Refuse => "refuse",
            Kind::Delay => "delay",
            Kind::Pause => "pause",
            Kind::Drain => "drain",
            Kind::NewIdentity => "new_identity",
            Kind::ExpireCursors => "expire_cursors",
        }
    }

    /// How often a seed draws it, when nothing else is said.
    pub fn weight(self) -> u32 {
        match self {
            Kind::NewIdentity | Kind::ExpireCursors => 0,
            Kind::Pause => 1,
            _ => 2,
        }
    }

    /// Whether it ends the call with a status of its own, before the call has any effect.
    pub(crate) fn turns_away(self) -> bool {
        matches!(self, Kind::Unavailable | Kind::Refuse)
    }

    /// Whether it makes sense for subscriptions alone.
    pub(crate) fn is_about_the_feed(self) -> bool {
        matches!(self, Kind::Drain | Kind::NewIdentity | Kind::ExpireCursors)
    }

    pub(crate) fn to_pb(self) -> FaultKind {
        match self {
            Kind::Reset => FaultKind::Reset,
            Kind::Disconnect => FaultKind::Disconnect,
            Kind::GoAway => FaultKind::GoAway,
            Kind::HalfClose => FaultKind::HalfClose,
            Kind::Truncate => FaultKind::Truncate,
            Kind::Unavailable => FaultKind::Unavailable,
            Kind::Refuse => FaultKind::Refuse,
            Kind::Delay => FaultKind::Delay,
            Kind::Pause => FaultKind::Pause,
            Kind::Drain => FaultKind::Drain,
            Kind::NewIdentity => FaultKind::NewIdentity,
            Kind::ExpireCursors => FaultKind::ExpireCursors,
        }
    }

    pub(crate) fn from_pb(number: i32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| i32::from(kind.to_pb()) == number)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let known = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| {
            let names: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
            format!("`{text}` is none of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_contract_is_here_once() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_pb(kind.to_pb().into()), Some(kind));
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(Kind::from_pb(0), None);
        let after_the_last = i32::try_from(Kind::ALL.len()).expect("there are few") + 1;
        assert!(FaultKind::try_from(after_the_last).is_err(), "a kind of the contract is missing");
    }
}
