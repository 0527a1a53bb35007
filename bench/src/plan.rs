//! How much is measured: all of it, what fits in five minutes, or next to nothing to see that
//! everything works.

use std::collections::BTreeSet;

use serde::Serialize;

/// Every row of the table.
pub(crate) const ROWS: std::ops::RangeInclusive<u8> = 1..=10;

/// Sizes and repeats.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    /// The rows that are wanted.
    pub(crate) rows: BTreeSet<u8>,
    /// Resources of a small run.
    pub(crate) small: usize,
    /// Resources of a usual run.
    pub(crate) large: usize,
    /// Pairs of runs with each number of resources.
    pub(crate) repeats: usize,
    /// Resources at which memory is looked at, rising.
    pub(crate) levels: Vec<usize>,
    /// How often memory is looked at all these levels.
    pub(crate) climbs: usize,
    /// Resources whose latency is measured in a repeat, of either side.
    pub(crate) latencies: usize,
    /// Repeats of that.
    pub(crate) latency_repeats: usize,
    /// Restarts.
    pub(crate) restarts: usize,
    /// Resources that are edited, drifted, or live a whole life.
    pub(crate) sample: usize,
    /// What is coarser than in a full run.
    pub(crate) coarser: Option<&'static str>,
}

impl Plan {
    /// Everything.
    pub(crate) fn full() -> Self {
        Self {
            rows: ROWS.collect(),
            small: 500,
            large: 2000,
            repeats: 5,
            levels: vec![0, 2000, 4000, 8000],
            climbs: 2,
            latencies: 100,
            latency_repeats: 3,
            restarts: 7,
            sample: 200,
            coarser: None,
        }
    }

    /// Within five minutes.
    pub(crate) fn quick() -> Self {
        Self {
            small: 300,
            large: 500,
            repeats: 2,
            levels: vec![0, 500, 1000],
            climbs: 1,
            latencies: 30,
            latency_repeats: 1,
            restarts: 2,
            sample: 100,
            coarser: Some(
                "N=300 and 500 instead of 500 and 2000; 2 repeats instead of 5; p99 is the worst of 30; memory up to N=1000 once instead of \
                 8000 twice, so that row 10 compares N=1000 and N=300",
            ),
            ..Self::full()
        }
    }

    /// A few resources: the figures mean nothing.
    pub(crate) fn smoke() -> Self {
        Self {
            small: 10,
            large: 20,
            repeats: 1,
            levels: vec![0, 20],
            climbs: 1,
            latencies: 5,
            latency_repeats: 1,
            restarts: 1,
            sample: 5,
            coarser: Some(
                "20 resources: this only shows that everything works, the figures mean nothing",
            ),
            ..Self::full()
        }
    }

    /// The most resources at once.
    pub(crate) fn most(&self) -> usize {
        self.levels.last().copied().unwrap_or(0)
    }

    /// Whether one of these rows is wanted.
    pub(crate) fn wants(&self, rows: &[u8]) -> bool {
        rows.iter().any(|row| self.rows.contains(row))
    }
}
