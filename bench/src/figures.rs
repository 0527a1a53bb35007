//! All measured values, by name, one per repeat. `rows` compares them with the bounds.

use std::collections::BTreeMap;

use serde::Serialize;

/// A run is disturbed if other programs use more than this share of the cores: a client then waits
/// for the processor, and a ratio of two clients goes to 1.
pub(crate) const LARGEST_OTHER_LOAD: f64 = 0.1;

/// Measured values by name.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    /// Adds a value.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.entry(name.into()).or_default().push(value);
    }

    /// The values of this name.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn get(&self, name: &str) -> Result<&[f64], String> {
        match self.0.get(name) {
            Some(values) if values.iter().all(|value| value.is_finite()) => Ok(values),
            Some(_) => Err(format!("{name} is not a number")),
            None => Err(format!("{name} was not measured")),
        }
    }

    /// `above` divided by `below`, repeat by repeat.
    pub(crate) fn ratios(&self, above: &str, below: &str) -> Result<Vec<f64>, String> {
        let pairs = self.pairs(above, below)?;
        if pairs.iter().any(|(_, below)| *below == 0.0) {
            return Err(format!("{below} is zero"));
        }
        Ok(pairs.into_iter().map(|(above, below)| above / below).collect())
    }

    /// The larger of two values, repeat by repeat.
    pub(crate) fn worse(&self, one: &str, other: &str) -> Result<Vec<f64>, String> {
        Ok(self.pairs(one, other)?.into_iter().map(|(one, other)| one.max(other)).collect())
    }

    fn pairs(&self, one: &str, other: &str) -> Result<Vec<(f64, f64)>, String> {
        let (one_values, other_values) = (self.get(one)?, self.get(other)?);
        if one_values.len() != other_values.len() {
            return Err(format!("{one} and {other} do not have the same number of repeats"));
        }
        Ok(one_values.iter().copied().zip(other_values.iter().copied()).collect())
    }

    /// The largest share of the cores that other programs used while these values were measured;
    /// `None` if it was never above [`LARGEST_OTHER_LOAD`].
    pub(crate) fn disturbed(&self, names: &[&str]) -> Option<f64> {
        let loads =
            names.iter().filter_map(|name| self.0.get(&other_load(name.rsplit_once('.')?.0)));
        loads.flatten().copied().filter(|load| *load > LARGEST_OTHER_LOAD).reduce(f64::max)
    }
}

/// The name of the share of the cores that other programs used in the runs of `measurement`, such
/// as `restart` for `restart.operator_ms`.
pub(crate) fn other_load(measurement: &str) -> String {
    format!("{measurement}.other_load")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_has_no_ratio() {
        let mut figures = Figures::default();
        figures.add("a", 3.0);
        figures.add("b", 2.0);
        assert_eq!(figures.ratios("a", "b"), Ok(vec![1.5]));
        assert!(figures.ratios("a", "c").is_err());
        figures.add("a", 3.0);
        assert!(figures.ratios("a", "b").is_err(), "the numbers of repeats differ");
        figures.add("b", 0.0);
        assert!(figures.ratios("a", "b").is_err(), "division by zero");
        assert_eq!(figures.worse("a", "b"), Ok(vec![3.0, 3.0]));
        figures.add("n", f64::NAN);
        assert!(figures.get("n").is_err());
    }
}
