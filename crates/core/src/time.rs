//! Time as an input: the times that `build` asked about. There is no clock here.

pub use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// The times that one `build` asked about with [`View::is_past`](crate::View::is_past).
///
/// Two of these times are enough: the latest past time shows when the resource expired, and the
/// earliest future time is when `build` must run again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskedTimes {
    /// The latest time that was past.
    pub latest_past: Option<Timestamp>,
    /// The earliest time that was not past.
    pub earliest_future: Option<Timestamp>,
}

impl AskedTimes {
    /// Adds one time.
    #[must_use]
    pub fn and(self, at: Timestamp, is_past: bool) -> Self {
        if is_past {
            Self { latest_past: self.latest_past.max(Some(at)), ..self }
        } else {
            let earliest = self.earliest_future.map_or(at, |earliest| earliest.min(at));
            Self { earliest_future: Some(earliest), ..self }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_past_and_the_earliest_future_time_are_kept() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let times = AskedTimes::default()
            .and(at(5), true)
            .and(at(9), false)
            .and(at(3), true)
            .and(at(7), false)
            .and(at(8), false);
        let expected = AskedTimes { latest_past: Some(at(5)), earliest_future: Some(at(7)) };
        assert_eq!(times, expected);
    }
}
