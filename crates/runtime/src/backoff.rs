//! Waiting longer after each failure, with jitter so that many do not come back at once.

use std::time::Duration;

/// Doubles from `first` to `most`.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

/// The part of a delay that is random: a delay is this much shorter at most.
const JITTER: f64 = 0.2;

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// The next delay: at most 20 % shorter than the doubled one before, never longer than `most`.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.failures.min(30)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.most).mul_f64(1.0 - JITTER * fastrand::f64())
    }

    /// It worked: begin again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_most_and_begins_again_after_a_success() {
        let (first, most) = (Duration::from_secs(1), Duration::from_mins(5));
        let mut backoff = Backoff::new(first, most);
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            let expected = Duration::from_secs(expected);
            let delay = backoff.next();
            assert!(delay <= expected && delay >= expected.mul_f64(1.0 - JITTER), "{delay:?} for {expected:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= first);
    }

    #[test]
    fn many_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));
        for _ in 0..100 {
            assert!(backoff.next() <= Duration::from_mins(5));
        }
    }
}
