//! All measured values, by name, one per repeat. `rows` compares them with the bounds.

use std::collections::BTreeMap;

use serde::Serialize;

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
        let (above_values, below_values) = (self.get(above)?, self.get(below)?);
        if above_values.len() != below_values.len() {
            return Err(format!("{above} and {below} do not have the same number of repeats"));
        }
        if below_values.contains(&0.0) {
            return Err(format!("{below} is zero"));
        }
        Ok(above_values.iter().zip(below_values).map(|(above, below)| above / below).collect())
    }

    /// The larger of two values, repeat by repeat.
    pub(crate) fn worse(&self, one: &str, other: &str) -> Result<Vec<f64>, String> {
        let (one_values, other_values) = (self.get(one)?, self.get(other)?);
        if one_values.len() != other_values.len() {
            return Err(format!("{one} and {other} do not have the same number of repeats"));
        }
        Ok(one_values.iter().zip(other_values).map(|(one, other)| one.max(*other)).collect())
    }
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
