//! How a preview says when it ends: the rules of `spec.expiresAt`. Those of a duration are in
//! [`crate::duration`].

use kube::core::Rule;

use crate::schema::cel_string;

/// The longest moment of [`MOMENT`].
pub(super) const MOMENT_LENGTH: u32 = 35;

/// RFC 3339, but for days that a month does not have. With no format of OpenAPI beside it, whose
/// answer would be the name of the format; it would also let fractions and offsets pass that not
/// everybody can read.
const MOMENT: &str = concat!(
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?",
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
);

/// Refuses what is no moment.
pub(super) fn moment_rule() -> Rule {
    Rule::new(format!("self.matches({})", cel_string(MOMENT))).message(
        "write a moment with its seconds and its offset from UTC, like 2030-01-31T12:00:00Z or 2030-01-31T13:00:00+01:00",
    )
}

/// Refuses days that there are not, and a year that not everybody can read. Whether a text is a
/// moment can only be tried: the rule fails where it is none, which refuses as much as a rule that
/// says no.
pub(super) fn day_rule() -> Rule {
    Rule::new(format!("!self.matches({}) || timestamp(self) < timestamp('9999-01-01T00:00:00Z')", cel_string(MOMENT)))
        .message("there is no such day, or it is too far ahead: write one that the calendar has before the year 9999, like 2030-01-31T12:00:00Z; pinned keeps a preview without an end")
}
