//! Parses metrics in the text format, of an operator or of an API server, and sums their samples.

use std::collections::BTreeMap;
use std::fmt;

/// All counters and gauges at one moment.
#[derive(Clone, Default)]
pub struct Metrics(Vec<Sample>);

/// Prints one counter or gauge per line, for failure messages.
impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Sample { name, labels, value } in
            self.0.iter().filter(|sample| !sample.name.contains("_duration_seconds"))
        {
            writeln!(f, "{name}{labels:?} {value}")?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Verbs of requests that change an object.
const WRITES: [&str; 4] = ["apply", "apply_status", "create", "delete"];

impl Metrics {
    /// Parses the text; lines that are no samples are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(sample).collect())
    }

    /// The sum of all samples with this name and these labels; 0 without samples.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value))
        };
        let sum: f64 = self.0.iter().filter(fits).map(|sample| sample.value).sum();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts of things
        let count = sum.round() as u64;
        count
    }

    /// Number of the operator's requests with this verb.
    #[must_use]
    pub fn requests(&self, verb: &str) -> u64 {
        self.sum("kubewright_api_requests_total", &[("verb", verb)])
    }

    /// Number of the operator's requests that change an object.
    #[must_use]
    pub fn writes(&self) -> u64 {
        WRITES.iter().map(|verb| self.requests(verb)).sum()
    }

    /// Number of one controller's completed reconciles.
    #[must_use]
    pub fn reconciles(&self, controller: &str) -> u64 {
        self.sum("kubewright_reconciles_total", &[("controller", controller)])
    }

    /// Number of reconciles of all controllers that ended with an error of this class.
    #[must_use]
    pub fn errors(&self, class: &str) -> u64 {
        self.sum("kubewright_reconcile_errors_total", &[("class", class)])
    }

    /// Number of custom resources in one controller's cache.
    #[must_use]
    pub fn resources(&self, controller: &str) -> u64 {
        self.sum("kubewright_resources", &[("controller", controller)])
    }

    /// Numbers of requests and of reconciles. Both stay constant while the operator is at rest.
    #[must_use]
    pub fn activity(&self) -> (u64, u64) {
        (
            self.sum("kubewright_api_requests_total", &[]),
            self.sum("kubewright_reconciles_total", &[]),
        )
    }

    /// Number of resources that are queued or being reconciled.
    #[must_use]
    pub fn in_progress(&self) -> u64 {
        self.sum("kubewright_queue_depth", &[]) + self.sum("kubewright_running_reconciles", &[])
    }
}

/// `name{key="value",...} number`
fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let (name, rest) = line.split_at(line.find(['{', ' '])?);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.split_once("} ")?,
        None => ("", rest.trim_start()),
    };
    let value = value.split(' ').next()?.parse().ok()?;
    let pair =
        |pair: &str| pair.split_once("=\"").map(|(key, value)| (key.to_owned(), value.to_owned()));
    // No test reads label values with quotes or commas.
    let labels =
        labels.split("\",").map(|text| text.trim_end_matches('"')).filter_map(pair).collect();
    Some(Sample { name: name.to_owned(), labels, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_by_name_and_labels() {
        let text = "# TYPE a counter\n\
            a_total{verb=\"get\",code=\"200\"} 3\n\
            a_total{verb=\"get\",code=\"404\"} 1\n\
            b 7\n\
            a_total{verb=\"put\",code=\"200\"} 9 # {} 1\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("a_total", &[("verb", "get")]), 4);
        assert_eq!(metrics.sum("a_total", &[("code", "200")]), 12);
        assert_eq!(metrics.sum("b", &[]), 7);
        assert_eq!(metrics.sum("b", &[("code", "200")]), 0);
    }
}
