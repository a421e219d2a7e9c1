//! Our own stored bytes, read back: they were written strict, so what violates is damage.

use crate::fields::Fields;
use crate::pb;
use crate::violation::Violations;

/// A stored resource that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored resource is corrupt: {what}")]
pub struct Corrupt {
    /// The fields that are wrong, and how.
    pub what: String,
}

impl From<Violations> for Corrupt {
    fn from(violations: Violations) -> Corrupt {
        Corrupt { what: violations.to_string() }
    }
}

/// What a service writes down with each resource. Default: not recorded yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Position at which the resource was created; 0 before that.
    pub created_position: u64,
    /// Position of its last change.
    pub updated_position: u64,
    /// When it was created: microseconds since 1970-01-01 UTC by the service's clock.
    pub created_at_micros: i64,
    /// When it was last changed, likewise.
    pub updated_at_micros: i64,
}

impl Recorded {
    /// The etag of the resource: another one after each change, never empty.
    pub fn etag(&self) -> String {
        format!("{:x}", self.updated_position)
    }
}

/// A time stamp of microseconds; 0 stands for none.
pub(crate) fn timestamp(micros: i64) -> Option<prost_types::Timestamp> {
    if micros == 0 {
        return None;
    }
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or(0);
    Some(prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos })
}

/// The microseconds of a time stamp; 0 for none.
pub(crate) fn micros(timestamp: Option<prost_types::Timestamp>) -> i64 {
    let Some(timestamp) = timestamp else { return 0 };
    timestamp.seconds.saturating_mul(1_000_000).saturating_add(i64::from(timestamp.nanos) / 1_000)
}

/// Reads a stored message with the reader of requests, strictly.
pub(crate) fn read<P, T>(
    message: P,
    reader: impl Fn(P, &mut Fields<'_>) -> Option<T>,
) -> Result<T, Corrupt> {
    let mut violations = Violations::default();
    let value = reader(message, &mut Fields::of_request(&mut violations));
    violations.finish()?;
    value.ok_or_else(|| Corrupt { what: "a required field is missing".to_owned() })
}

macro_rules! recorded_of {
    ($($message:ty),+ $(,)?) => { $(
        impl From<&$message> for Recorded {
            fn from(message: &$message) -> Recorded {
                Recorded {
                    created_position: message.created_position,
                    updated_position: message.updated_position,
                    created_at_micros: micros(message.created_at),
                    updated_at_micros: micros(message.updated_at),
                }
            }
        }
    )+ };
}
recorded_of!(
    pb::registry::v1::Network,
    pb::registry::v1::Member,
    pb::registry::v1::Membership,
    pb::feed::v1::Statement,
    pb::feed::v1::Campaign,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_keep_their_microseconds() {
        for at in [0, 1, -1, 999_999, 1_758_000_000_123_456, -1_500_000] {
            assert_eq!(micros(timestamp(at)), at);
        }
        let before = timestamp(-1);
        assert_eq!(before.map(|stamp| (stamp.seconds, stamp.nanos)), Some((-1, 999_999_000)));
    }

    #[test]
    fn an_etag_is_never_empty() {
        let recorded = Recorded { updated_position: 255, ..Recorded::default() };
        assert_eq!(recorded.etag(), "ff");
        assert_eq!(Recorded::default().etag(), "0");
    }
}
