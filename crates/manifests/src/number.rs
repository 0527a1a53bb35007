//! Numbers in the form in which Go writes them to JSON.

use serde_json::Number;

/// Converts a float without a fraction into an integer: `10.0` to `10`.
pub(crate) fn float_to_integer(number: &Number) -> Number {
    /// Floats below this limit represent every integer exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < EXACT => {
            format!("{float:.0}").parse().unwrap_or_else(|_| number.clone())
        }
        _ => number.clone(),
    }
}
