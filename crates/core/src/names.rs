//! Names that are valid DNS labels, whatever the parts are.

use crate::internals::hash;

/// The longest DNS label (RFC 1123), Service name and label value, in characters.
pub const MAX_LABEL: usize = 63;
/// Hexadecimal digits of the hash in a changed name; 32 bits keep siblings apart.
const HASH_DIGITS: usize = 8;

/// A child's name from its parts, joined by `-`.
///
/// # Guarantees
/// A DNS label (RFC 1123): 1 to 63 characters of `a-z`, `0-9` and `-`, with a letter or digit at
/// both ends. Parts that fit are only joined. A name that was cut or changed ends with a hash of
/// all parts, so that it differs from other such names (but for a collision of 32 bits).
///
/// Before Kubernetes 1.36, the name of a Service must also start with a letter.
///
/// ```
/// use kubewright_core::names::child_name;
/// assert_eq!(child_name(&["web", "db"]), "web-db");
/// assert_eq!(child_name(&["a.b"]).len(), "a-b-00000000".len());
/// assert_eq!(child_name(&[&"x".repeat(80)]).len(), 63);
/// ```
#[must_use]
pub fn child_name(parts: &[&str]) -> String {
    let joined = parts.join("-");
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let clean: String = joined.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let trimmed = clean.trim_matches('-');
    if trimmed == joined && (1..=MAX_LABEL).contains(&joined.len()) {
        return joined;
    }
    with_hash(trimmed, &parts.join("\0"))
}

/// A valid label value for `text`: `text` itself if it is valid, else cut and with a hash.
#[must_use]
pub fn label_value(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let clean: String = text.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let trimmed = clean.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if trimmed == text && text.len() <= MAX_LABEL {
        return text.to_owned();
    }
    with_hash(trimmed, text)
}

/// Whether `text` is a DNS subdomain: parts of `a-z`, `0-9` and `-`, joined by dots, each with a
/// letter or digit at both ends; at most 253 characters. Most object names are DNS subdomains.
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // The API server does not limit the parts to 63 characters.
    let is_part = |part: &str| {
        !part.is_empty()
            && part.chars().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

fn with_hash(clean: &str, identity: &str) -> String {
    let digest = format!("{:016x}", hash::of(identity.as_bytes()));
    // `clean` is ASCII: every byte is a character.
    let room = MAX_LABEL - HASH_DIGITS - 1;
    let head =
        clean[..clean.len().min(room)].trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let separator = if head.is_empty() { "x" } else { "-" };
    format!("{head}{separator}{}", &digest[..HASH_DIGITS])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn changed_names_of_different_parts_differ() {
        assert_eq!(child_name(&["a-b", "c"]), "a-b-c");
        assert_ne!(child_name(&["a.b", "c"]), child_name(&["a", "b.c"]));
    }

    #[test]
    fn a_long_name_is_cut_and_ends_with_a_hash() {
        let (one, two) = ("x".repeat(64), "x".repeat(65));
        assert_ne!(child_name(&[&one]), child_name(&[&two]));
        assert_eq!(child_name(&[&"y".repeat(63)]), "y".repeat(63));
    }

    proptest! {
        #[test]
        fn every_name_is_a_dns_label(parts in proptest::collection::vec(".{0,80}", 1..4)) {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let name = child_name(&parts);
            prop_assert!((1..=MAX_LABEL).contains(&name.len()), "{name}");
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            prop_assert!(name.chars().all(fits), "{name}");
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'), "{name}");
        }

        #[test]
        fn every_label_value_is_valid(text in ".{0,80}") {
            let value = label_value(&text);
            prop_assert!(value.len() <= MAX_LABEL);
            let fits = |c: char| c.is_ascii_alphanumeric();
            prop_assert!(value.is_empty() || value.starts_with(fits), "{value}");
            prop_assert!(value.is_empty() || value.ends_with(fits), "{value}");
        }
    }
}
