//! The rules of `spec.expiresAt`. The rules of durations are in [`crate::duration`].

use kube::core::Rule;

use crate::schema::cel_string;

/// The maximum length of a time in the format of [`TIME`].
pub(super) const TIME_LENGTH: u32 = 35;

/// RFC 3339, without a check of the day of the month. It replaces the OpenAPI format `date-time`,
/// which gives no useful message, and accepts fractions and offsets that some clients cannot read.
const TIME: &str = concat!(
    r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?",
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
);

/// Rejects texts that are not a time.
pub(super) fn time_rule() -> Rule {
    Rule::new(format!("self.matches({})", cel_string(TIME))).message(
        "write a time with seconds and an offset from UTC, like 2030-01-31T12:00:00Z or \
         2030-01-31T13:00:00+01:00",
    )
}

/// Rejects days that do not exist, and years that some clients cannot read. For a day that does not
/// exist the rule fails with an error, which rejects the resource, too.
pub(super) fn day_rule() -> Rule {
    Rule::new(format!(
        "!self.matches({}) || timestamp(self) < timestamp('9999-01-01T00:00:00Z')",
        cel_string(TIME)
    ))
    .message(
        "the day does not exist, or is after the year 9998: write a day of the calendar, like \
         2030-01-31T12:00:00Z; to keep a preview without an end, write pinned: true",
    )
}
