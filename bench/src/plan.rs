//! Sizes and repeats of a full run, a quick run and a smoke run.

use std::collections::BTreeSet;

use serde::Serialize;

/// The rows of the table.
pub(crate) const ROWS: std::ops::RangeInclusive<u8> = 1..=12;

/// Creates before the latency measurement, which open the connections.
pub(crate) const LATENCY_WARM_UP: usize = 5;

/// Sizes and repeats.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    /// The rows to measure.
    pub(crate) rows: BTreeSet<u8>,
    /// Resources of a small run.
    pub(crate) small: usize,
    /// Resources of a large run.
    pub(crate) large: usize,
    /// Pairs of runs for each number of resources.
    pub(crate) repeats: usize,
    /// Numbers of Echoes at which memory is read, ascending.
    pub(crate) levels: Vec<usize>,
    /// How often memory is read at all these levels.
    pub(crate) climbs: usize,
    /// Resources per repeat and side whose latency is measured.
    pub(crate) latencies: usize,
    /// Repeats of the latency measurement.
    pub(crate) latency_repeats: usize,
    /// Restarts.
    pub(crate) restarts: usize,
    /// Resources that are edited, drifted, or created and deleted.
    pub(crate) sample: usize,
    /// Numbers of previews that claim one host, ascending.
    pub(crate) crowds: Vec<usize>,
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
            crowds: vec![100, 1000, 3000],
        }
    }

    /// Fewer and smaller runs.
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
            crowds: vec![100, 500],
            ..Self::full()
        }
    }

    /// A few resources, to check that the bench works.
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
            crowds: vec![10, 40],
            ..Self::full()
        }
    }

    /// How this plan differs from a full run, except in its rows; `None` if it does not.
    pub(crate) fn differences(&self) -> Option<String> {
        let full = Self::full();
        // A new field must be in the list, too.
        let Self {
            rows: _,
            small,
            large,
            repeats,
            levels,
            climbs,
            latencies,
            latency_repeats,
            restarts,
            sample,
            crowds,
        } = self;
        let differences: Vec<String> = [
            ("resources of a small run", *small, full.small),
            ("resources of a large run", *large, full.large),
            ("repeats of them", *repeats, full.repeats),
            ("latencies in a repeat", *latencies, full.latencies),
            ("repeats of latencies", *latency_repeats, full.latency_repeats),
            ("restarts", *restarts, full.restarts),
            ("edits and deletions", *sample, full.sample),
            ("largest level of memory", self.most(), full.most()),
            ("levels of memory", levels.len(), full.levels.len()),
            ("largest crowd", self.crowd(), full.crowd()),
            ("sizes of crowds", crowds.len(), full.crowds.len()),
            ("climbs of memory", *climbs, full.climbs),
        ]
        .into_iter()
        .filter(|(_, here, full)| here != full)
        .map(|(what, here, full)| format!("{what}: {here} instead of {full}"))
        .collect();
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    /// The largest number of Echoes.
    pub(crate) fn most(&self) -> usize {
        self.levels.last().copied().unwrap_or(0)
    }

    /// The largest number of previews that claim one host.
    pub(crate) fn crowd(&self) -> usize {
        self.crowds.last().copied().unwrap_or(0)
    }

    /// The largest number of resources that the operator and the bare client both write, with the
    /// first creates of the latency measurement.
    pub(crate) fn most_compared(&self) -> usize {
        self.small.max(self.large).max(self.latencies + LATENCY_WARM_UP)
    }

    /// Pairs of runs with the second operator.
    pub(crate) fn website_repeats(&self) -> usize {
        self.repeats.div_ceil(2)
    }

    /// Whether one of these rows is to be measured.
    pub(crate) fn wants(&self, rows: &[u8]) -> bool {
        rows.iter().any(|row| self.rows.contains(row))
    }
}
