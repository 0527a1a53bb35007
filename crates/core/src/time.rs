//! Time as an input: the times that `build` asked about. There is no clock here.

pub use k8s_openapi::jiff::{SignedDuration, Timestamp};

/// The times that one `build` asked about with [`View::is_past`](crate::View::is_past).
///
/// Two of these times are enough: the latest past time shows when the resource expired, and the
/// earliest future time is when `build` must run again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// The latest time that was past.
    pub past: Option<Timestamp>,
    /// The earliest time that was not past.
    pub next: Option<Timestamp>,
}

impl Moments {
    /// Adds one time.
    #[must_use]
    pub fn and(self, at: Timestamp, is_past: bool) -> Self {
        if is_past {
            Self { past: self.past.max(Some(at)), ..self }
        } else {
            Self { next: Some(self.next.map_or(at, |next| next.min(at))), ..self }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_past_and_the_earliest_future_moment_are_kept() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let moments = Moments::default()
            .and(at(5), true)
            .and(at(9), false)
            .and(at(3), true)
            .and(at(7), false)
            .and(at(8), false);
        assert_eq!(moments, Moments { past: Some(at(5)), next: Some(at(7)) });
    }
}
