//! Which host names a preview can have. One rule for each usual mistake, so that each gets an
//! answer that says what to write instead; a rule leaves alone what another one already refuses.

use kube::core::{Message, Rule};

use crate::schema::cel_string;

/// The longest host name, as DNS has it.
pub(super) const HOST_LENGTH: u32 = 253;

/// What belongs to a URL and not to its host: scheme, user, port, path, query, white space.
const NOT_A_HOST: &str = r"[/:@?#\s]";
/// Lower-case labels of 1 to 63 characters, joined by dots.
const LABELS: &str = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$";
/// What has a rule of its own, and is no concern of the rule about labels.
const HAS_ITS_OWN_RULE: &str = r"^$|[/:@?#\s*A-Z]|\.$|[^\x01-\x7F]";
/// Any character that DNS does not know.
const NOT_ASCII: &str = r"[^\x01-\x7F]";
/// Ends in a number, which makes it an IP address to whoever resolves it.
const ADDRESS: &str = r"(^|\.)[0-9]+$";

/// Refuses what is not the host's name alone.
pub(super) fn name_alone() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(NOT_A_HOST)))
        .message("write the host name alone, like preview-1.example.com: no https://, no port, no path, no spaces")
}

/// Refuses wildcards: a preview answers at one address, which its status shows.
pub(super) fn no_wildcard() -> Rule {
    Rule::new("!self.contains('*')")
        .message("write one host name without a *, like preview-1.example.com: each preview has a host of its own")
}

/// Refuses an internationalised name as people write it: certificates and routes have it in its
/// ASCII form, and two ways to write one host would be two claims.
pub(super) fn in_ascii() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(NOT_ASCII))).message(
        "write an internationalised name in its ASCII form, as DNS has it (Punycode): xn--bcher-kva.example.com for b\u{fc}cher.example.com",
    )
}

/// Refuses capital letters and the dot of an absolute name: DNS takes both, routes take neither.
pub(super) fn as_routes_write_it() -> Rule {
    Rule::new(format!(
        "self.matches({}) || (self == self.lowerAscii() && !self.endsWith('.'))",
        cel_string(NOT_A_HOST)
    ))
    .message(Message::Expression(
        "'write it in lower case and without a dot at the end: ' \
         + self.lowerAscii().substring(0, self.endsWith('.') ? size(self) - 1 : size(self))"
            .into(),
    ))
}

/// Refuses what DNS cannot resolve.
pub(super) fn labels() -> Rule {
    Rule::new(format!("self.matches({}) || self.matches({})", cel_string(HAS_ITS_OWN_RULE), cel_string(LABELS))).message(
        "each part between the dots has 1 to 63 characters, a to z, 0 to 9 or hyphens, with no hyphen at its beginning or end: like preview-1.example.com",
    )
}

/// Refuses a name without a domain: resolvers complete it in their own ways, and no certificate is
/// issued for it.
pub(super) fn with_domain() -> Rule {
    Rule::new("self.contains('.')")
        .message("write the full host name with its domain, like preview-1.example.com")
}

/// Refuses addresses, for which a route by host name does nothing.
pub(super) fn no_address() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(ADDRESS)))
        .message("write a host name like preview-1.example.com, not an IP address: the last part is not a number")
}
