//! Durations such as `72h` and `1h30m`, in the format of GEP-2257 (Gateway API): their schema, and
//! their parser.

use std::time::Duration;

use kube::core::Rule;

use crate::schema::cel_string;

/// The format of GEP-2257: that of Go's `ParseDuration` without signs and fractions.
pub const PATTERN: &str = r"^([0-9]{1,5}(h|m|s|ms)){1,4}$";
/// The length of the longest text in this format.
pub(crate) const LENGTH: u32 = 28;

/// The maximum number of parts. A part is a number with a unit.
const MOST_PARTS: usize = 4;
/// The maximum number of digits of a number.
const MOST_DIGITS: usize = 5;
/// Units that the format does not have, and their hours.
const LONGER_UNITS: [(&str, u32); 2] = [("d", 24), ("w", 7 * 24)];

/// The message for a text in another format.
const FORM: &str = "write numbers with units and no spaces, like 72h, 1h30m or 45m: hours (h), \
                    minutes (m), seconds (s) or milliseconds (ms), whole numbers of up to five \
                    digits, up to four parts";
/// The message for a duration of zero.
const POSITIVE: &str = "write a duration that is longer than zero, like 72h";

/// Rejects a text that is not a duration.
pub(crate) fn form_rule() -> Rule {
    Rule::new(format!("self.matches({})", cel_string(PATTERN))).message(FORM)
}

/// Rejects a duration of zero.
pub(crate) fn positive_rule() -> Rule {
    Rule::new(format!("!self.matches({}) || self.matches('[1-9]')", cel_string(PATTERN)))
        .message(POSITIVE)
}

/// Why a text is not a duration, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// The text is empty.
    #[error("the duration is empty: write a duration like 72h or 1h30m")]
    Empty,
    /// A part does not start with a digit.
    #[error(
        "{0:?} does not start with a number: write whole numbers with units and no spaces, like \
         72h or 1h30m"
    )]
    NoNumber(String),
    /// A number has too many digits.
    #[error("{0} has more than five digits: write it in a larger unit, like 72h")]
    ManyDigits(String),
    /// A number has a fraction.
    #[error("{0:?} has a fraction: write whole numbers, like 1h30m for 1.5 hours")]
    Fraction(String),
    /// A number has no unit.
    #[error("{0} has no unit: write {0}h for hours, {0}m for minutes or {0}s for seconds")]
    NoUnit(String),
    /// The unit is days or weeks.
    #[error("the unit {unit} is not supported: write {hours}h")]
    LongerUnit {
        /// The unit.
        unit: String,
        /// The same time in hours.
        hours: u32,
    },
    /// The unit does not exist.
    #[error(
        "the unit {0:?} does not exist: write h for hours, m for minutes, s for seconds or ms for \
         milliseconds"
    )]
    UnknownUnit(String),
    /// The text has too many parts.
    #[error("the duration has more than four parts: write fewer, like 1h30m")]
    ManyParts,
    /// The duration is zero.
    #[error("the duration is zero: write a longer one, like 72h")]
    Zero,
}

/// Parses a duration. Several parts are added, in any order: `30m1h` is `1h30m`.
///
/// # Errors
///
/// For exactly the texts that the schema rejects, so that flags and fields follow the same rules.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let (mut total, mut rest) = (Duration::ZERO, text);
    for _ in 0..MOST_PARTS {
        let (part, after) = first_part(rest)?;
        total += part;
        rest = after;
        if rest.is_empty() {
            return if total.is_zero() { Err(DurationError::Zero) } else { Ok(total) };
        }
    }
    Err(DurationError::ManyParts)
}

/// The first number with its unit, and the rest.
fn first_part(text: &str) -> Result<(Duration, &str), DurationError> {
    let (digits, after) = split(text, |c| c.is_ascii_digit());
    if digits.is_empty() {
        return Err(DurationError::NoNumber(text.to_owned()));
    }
    let (unit, rest) = split(after, char::is_alphabetic);
    let number = match digits.parse::<u32>() {
        Ok(number) if digits.len() <= MOST_DIGITS => number,
        _ => return Err(DurationError::ManyDigits(digits.to_owned())),
    };
    let milliseconds = match unit {
        "h" => 3_600_000,
        "m" => 60_000,
        "s" => 1000,
        "ms" => 1,
        "" if rest.starts_with(['.', ',']) => return Err(DurationError::Fraction(text.to_owned())),
        "" => return Err(DurationError::NoUnit(digits.to_owned())),
        other => return Err(unknown(number, other)),
    };
    Ok((Duration::from_millis(u64::from(number) * milliseconds), rest))
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn unknown(number: u32, unit: &str) -> DurationError {
    let longer = LONGER_UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name));
    match longer {
        Some((_, hours)) => {
            DurationError::LongerUnit { unit: unit.to_owned(), hours: number * hours }
        }
        None => DurationError::UnknownUnit(unit.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn numbers_with_units_are_added_up() {
        for (text, milliseconds) in [
            ("72h", 72 * 3_600_000),
            ("1h30m", 5_400_000),
            ("30m1h", 5_400_000),
            ("1h1h", 7_200_000),
            ("45m", 2_700_000),
            ("10s500ms", 10_500),
            ("1ms", 1),
            ("0h1s", 1000),
            ("00001h", 3_600_000),
            ("99999h99999h99999h99999h", 4 * 99_999 * 3_600_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_duration_is_rejected_with_what_to_write() {
        for (text, answer) in [
            ("", "the duration is empty: write a duration like 72h or 1h30m"),
            ("3d", "the unit d is not supported: write 72h"),
            ("2w", "the unit w is not supported: write 336h"),
            ("1D", "the unit D is not supported: write 24h"),
            ("90", "90 has no unit: write 90h for hours, 90m for minutes or 90s for seconds"),
            ("1h30", "30 has no unit: write 30h for hours, 30m for minutes or 30s for seconds"),
            ("1.5h", r#""1.5h" has a fraction: write whole numbers, like 1h30m for 1.5 hours"#),
            (
                "5us",
                "the unit \"us\" does not exist: write h for hours, m for minutes, s for seconds \
                 or ms for milliseconds",
            ),
            (
                "1H",
                "the unit \"H\" does not exist: write h for hours, m for minutes, s for seconds \
                 or ms for milliseconds",
            ),
            (
                "-1h",
                "\"-1h\" does not start with a number: write whole numbers with units and no \
                 spaces, like 72h or 1h30m",
            ),
            (
                "1h 30m",
                "\" 30m\" does not start with a number: write whole numbers with units and no \
                 spaces, like 72h or 1h30m",
            ),
            (
                "soon",
                "\"soon\" does not start with a number: write whole numbers with units and no \
                 spaces, like 72h or 1h30m",
            ),
            ("100000s", "100000 has more than five digits: write it in a larger unit, like 72h"),
            (
                "99999999999999h",
                "99999999999999 has more than five digits: write it in a larger unit, like 72h",
            ),
            ("1h1h1h1h1h", "the duration has more than four parts: write fewer, like 1h30m"),
            ("0h0m", "the duration is zero: write a longer one, like 72h"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), answer, "{text}");
        }
    }

    /// Every text of these characters up to this length.
    fn texts(characters: &[char], longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..longest {
            last = last
                .iter()
                .flat_map(|text| characters.iter().map(move |c| format!("{text}{c}")))
                .collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn exactly_the_texts_of_the_pattern_that_are_not_zero_are_parsed() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        let mut read = 0;
        for text in texts(&['0', '1', 'h', 'm', 's'], 7)
            .into_iter()
            .chain(texts(&['9', 'h'], 10))
            .chain(texts(&['2', '.', 'd', 'ä', ' '], 4))
        {
            let expected =
                pattern.is_match(&text) && text.contains(|c: char| ('1'..='9').contains(&c));
            assert_eq!(parse(&text).is_ok(), expected, "{text:?}");
            read += usize::from(expected);
        }
        assert!(read > 1000, "{read}");
    }

    #[test]
    fn the_longest_text_has_the_maximum_length_of_the_schema() {
        let longest = "99999ms".repeat(MOST_PARTS);
        assert_eq!(u32::try_from(longest.len()).unwrap(), LENGTH);
        assert!(parse(&longest).is_ok());
    }
}
