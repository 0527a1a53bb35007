//! Checks a string against the `format` of a schema. Unknown formats accept every string.

use std::net::{Ipv4Addr, Ipv6Addr};

use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::civil::Date;
use regex::Regex;

/// Returns `None` if `text` has the format, or an example of the format.
pub(super) fn check(format: &str, text: &str) -> Option<&'static str> {
    // The API server treats `date-time` and `datetime` as the same format.
    let normal = format.replace('-', "");
    let (fits, help) = match normal.as_str() {
        "datetime" => (
            matches(
                r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$",
                text,
            ) && text.parse::<Timestamp>().is_ok(),
            "write it like 2006-01-02T15:04:05Z",
        ),
        "date" => (
            matches(r"^\d{4}-\d{2}-\d{2}$", text) && text.parse::<Date>().is_ok(),
            "write it like 2006-01-02",
        ),
        "duration" => (is_duration(text), "write it like 90s, 5m or 1h30m"),
        "ipv4" => (text.parse::<Ipv4Addr>().is_ok(), "write it like 192.0.2.1"),
        "ipv6" => (text.parse::<Ipv6Addr>().is_ok(), "write it like 2001:db8::1"),
        "cidr" => (is_cidr(text), "write it like 192.0.2.0/24"),
        "uri" => (
            matches(r"^(/|[A-Za-z][A-Za-z0-9+.-]*:)\S*$", text),
            "write it like https://example.com/path",
        ),
        "email" => (
            matches(r"^[^@\s]+@[^@\s]+$|^.*<[^@\s]+@[^@\s]+>$", text),
            "write it like name@example.com",
        ),
        "hostname" => (is_hostname(text), "write it like www.example.com"),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => (
            matches(
                r"^(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$",
                text,
            ),
            "write it like 123e4567-e89b-42d3-a456-426614174000",
        ),
        "mac" => (
            matches(r"^(?i)[0-9a-f]{2}([:-][0-9a-f]{2}){5,7}$", text),
            "write it like 01:23:45:67:89:ab",
        ),
        "byte" => (
            matches(r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", text),
            "write it in base64, with = at the end where needed",
        ),
        _ => return None,
    };
    (!fits).then_some(help)
}

fn matches(pattern: &str, text: &str) -> bool {
    // The patterns are constants of this file; the tests compile them.
    Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

fn is_duration(text: &str) -> bool {
    matches(r"^[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$", text)
        || matches(
            r"^(?i)\d+\s*(ns|us|ms|s|sec|seconds?|m|min|minutes?|h|hours?|hr|d|days?|w|weeks?|wk)$",
            text,
        )
}

fn is_cidr(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, bits)| {
        let bits = bits.parse::<u8>().unwrap_or(u8::MAX);
        address.parse::<Ipv4Addr>().is_ok() && bits <= 32
            || address.parse::<Ipv6Addr>().is_ok() && bits <= 128
    })
}

fn is_hostname(text: &str) -> bool {
    text.len() <= 255
        && matches(
            r"^(?i)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$",
            text,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_accepts_its_values_and_rejects_others() {
        for (format, good, bad) in [
            ("date-time", "2026-01-02T03:04:05Z", "2026-01-02"),
            ("datetime", "2026-01-02T03:04:05.123+01:00", "2026-02-30T03:04:05Z"),
            ("date", "2026-01-02", "2026-1-2"),
            ("duration", "1h30m", "an hour"),
            ("duration", "1.5s", "5x"),
            ("ipv4", "192.0.2.1", "192.0.2.256"),
            ("ipv6", "::1", "192.0.2.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("uri", "https://example.com", "example com"),
            ("email", "a@example.com", "a.example.com"),
            ("hostname", "a.example.com", "a_b"),
            ("uuid", "123e4567-e89b-42d3-a456-426614174000", "123"),
            ("mac", "01:23:45:67:89:ab", "01:23"),
            ("byte", "aGFsbG8=", "hallo!"),
        ] {
            assert_eq!(check(format, good), None, "{format} {good}");
            assert!(check(format, bad).is_some(), "{format} {bad}");
        }
    }

    #[test]
    fn an_unknown_format_accepts_everything() {
        assert_eq!(check("k8s-something", "x"), None);
        assert_eq!(check("int32", "x"), None);
    }
}
