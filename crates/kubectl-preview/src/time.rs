//! Times and durations for people: `in 5h30m`, `3d`.

use jiff::{SignedDuration, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The first second that `spec.expiresAt` cannot have: 9999-01-01T00:00:00Z.
const YEAR_9999: i64 = 253_370_764_800;

/// The time in this second, if `spec.expiresAt` can have it.
pub(crate) fn from_second(second: i64) -> Option<Timestamp> {
    Timestamp::from_second(second).ok().filter(|_| second < YEAR_9999)
}

/// A duration in one or two units. A negative duration is `0s`.
pub(crate) fn short(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| {
        let (first, rest) = (seconds / large, seconds % large / small);
        if rest == 0 {
            format!("{first}{unit}")
        } else {
            format!("{first}{unit}{rest}{small_unit}")
        }
    };
    match seconds {
        s if s < MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two(MINUTE, "m", 1, "s"),
        s if s < HOUR => format!("{}m", s / MINUTE),
        s if s < DAY => two(HOUR, "h", MINUTE, "m"),
        s if s < 10 * DAY => two(DAY, "d", HOUR, "h"),
        s => format!("{}d", s / DAY),
    }
}

/// The duration since `time`.
pub(crate) fn age(time: Timestamp, now: Timestamp) -> String {
    short(now.duration_since(time))
}

/// `in 5h30m`, `now`, `2m ago`.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let ahead = time.duration_since(now);
    match ahead.as_secs() {
        0 => "now".to_owned(),
        s if s > 0 => format!("in {}", short(ahead)),
        _ => format!("{} ago", short(-ahead)),
    }
}

/// `2030-01-31T12:00:00Z (in 5h30m)`.
pub(crate) fn absolute(time: Timestamp, now: Timestamp) -> String {
    format!("{time} ({})", relative(time, now))
}

/// The value of a flag in the units of [`short`].
pub(crate) fn flag(duration: std::time::Duration) -> String {
    if duration.as_secs() == 0 {
        return format!("{}ms", duration.as_millis());
    }
    short(SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_duration_has_coarser_units() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (90, "1m30s"),
            (10 * MINUTE + 59, "10m"),
            (HOUR - 1, "59m"),
            (HOUR, "1h"),
            (5 * HOUR + 30 * MINUTE + 59, "5h30m"),
            (DAY - 1, "23h59m"),
            (3 * DAY + 4 * HOUR, "3d4h"),
            (10 * DAY - 1, "9d23h"),
            (10 * DAY + 23 * HOUR, "10d"),
            (400 * DAY, "400d"),
        ] {
            assert_eq!(short(SignedDuration::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn a_time_is_relative_to_now() {
        let now: Timestamp = "2030-01-31T12:00:00Z".parse().unwrap();
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        assert_eq!(relative(at(5 * HOUR), now), "in 5h");
        assert_eq!(relative(at(0), now), "now");
        assert_eq!(relative(at(-90), now), "1m30s ago");
        assert_eq!(absolute(at(60), now), "2030-01-31T12:01:00Z (in 1m)");
        assert_eq!(age(at(-90), now), "1m30s");
        assert_eq!(age(at(90), now), "0s", "the local clock is behind the server's clock");
    }

    #[test]
    fn a_flag_is_shown_in_the_units_in_which_people_write_it() {
        for (milliseconds, text) in
            [(300_000, "5m"), (90_000, "1m30s"), (500, "500ms"), (5_400_000, "1h30m")]
        {
            assert_eq!(flag(std::time::Duration::from_millis(milliseconds)), text);
        }
    }
}
