//! How long a stream may be silent.

use std::time::Duration;

use crate::limits::{PROGRESS_SECONDS, PROGRESS_SECONDS_RANGE};
use crate::violation::Violations;

/// The interval asked for, of which a fraction of a second counts too; the usual one when none is, or
/// when what is asked for is out of range, which is then a violation.
pub fn interval(
    asked: Option<prost_types::Duration>,
    field: &str,
    violations: &mut Violations,
) -> Duration {
    let usual = Duration::from_secs(PROGRESS_SECONDS.unsigned_abs());
    let Some(asked) = asked else { return usual };
    let least = Duration::from_secs(PROGRESS_SECONDS_RANGE.start().unsigned_abs());
    let most = Duration::from_secs(PROGRESS_SECONDS_RANGE.end().unsigned_abs());
    match duration(asked) {
        Some(interval) if (least..=most).contains(&interval) => interval,
        _ => {
            let (least, most) = (least.as_secs(), most.as_secs());
            violations.push(field, format!("must be {least} to {most} seconds"));
            usual
        }
    }
}

/// A length of time from the wire; none when it is negative or malformed. By hand: the conversion that
/// comes with the type overflows on the least number of seconds.
pub fn duration(asked: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(asked.seconds).ok()?;
    let nanos = u32::try_from(asked.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(seconds: i64, nanos: i32) -> (Duration, bool) {
        let mut violations = Violations::default();
        let asked = Some(prost_types::Duration { seconds, nanos });
        (interval(asked, "progress_interval", &mut violations), violations.is_empty())
    }

    #[test]
    fn one_to_sixty_seconds() {
        assert_eq!(asked(1, 0), (Duration::from_secs(1), true));
        assert_eq!(asked(1, 500_000_000), (Duration::from_millis(1_500), true));
        assert_eq!(asked(60, 0), (Duration::from_secs(60), true));
        for (seconds, nanos) in [(0, 999_999_999), (60, 1), (i64::MIN, 0), (5, -1), (i64::MAX, 0)] {
            assert!(!asked(seconds, nanos).1, "{seconds} {nanos}");
        }
        assert_eq!(interval(None, "", &mut Violations::default()), Duration::from_secs(15));
    }
}
