//! Numbers as Go writes them in JSON.

use serde_json::Number;

/// A float that is a whole number, as that number: `10` for `10.0`.
pub(crate) fn whole(number: &Number) -> Number {
    /// Below it, every whole number is a float, too.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => {
            format!("{float:.0}").parse().unwrap_or_else(|_| number.clone())
        }
        _ => number.clone(),
    }
}
