//! Moments and times as people read them: `in 5h30m`, `3d`, `2030-01-31T12:00:00Z`.

use jiff::{SignedDuration, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long, in one or two units: the smaller one only where it says something. What is negative
/// counts as nothing.
pub(crate) fn short(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
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

/// How long ago.
pub(crate) fn ago(moment: Timestamp, now: Timestamp) -> String {
    short(now.duration_since(moment))
}

/// When, seen from now: `in 5h30m`, `now`, `2m ago`.
pub(crate) fn relative(moment: Timestamp, now: Timestamp) -> String {
    let ahead = moment.duration_since(now);
    match ahead.as_secs() {
        0 => "now".to_owned(),
        s if s > 0 => format!("in {}", short(ahead)),
        _ => format!("{} ago", short(-ahead)),
    }
}

/// A time that somebody wrote, in the same units as [`short`].
pub(crate) fn written(time: std::time::Duration) -> String {
    let signed = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    if time.as_secs() == 0 { format!("{}ms", time.as_millis()) } else { short(signed) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_as_exact_as_anybody_cares() {
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
    fn a_moment_is_ahead_or_behind() {
        let now: Timestamp = "2030-01-31T12:00:00Z".parse().unwrap();
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        assert_eq!(relative(at(5 * HOUR), now), "in 5h");
        assert_eq!(relative(at(0), now), "now");
        assert_eq!(relative(at(-90), now), "1m30s ago");
        assert_eq!(ago(at(-90), now), "1m30s");
        assert_eq!(ago(at(90), now), "0s", "a clock that is behind the server's");
    }

    #[test]
    fn a_limit_is_told_as_it_was_written() {
        for (milliseconds, text) in
            [(300_000, "5m"), (90_000, "1m30s"), (500, "500ms"), (5_400_000, "1h30m")]
        {
            assert_eq!(written(std::time::Duration::from_millis(milliseconds)), text);
        }
    }
}
