//! The rules of `spec.fqdn`: one rule for each usual mistake, with a message for it. A text that
//! one rule rejects passes the others, so that there is one message.

use kube::core::{Message, Rule};

use crate::schema::cel_string;

/// The maximum length of a host name in DNS.
pub(super) const HOST_LENGTH: u32 = 253;

/// Characters of a URL that are not part of its host: scheme, user, port, path, query, space.
const NOT_A_HOST: &str = r"[/:@?#\s]";
/// Lower-case labels of 1 to 63 characters, joined by dots.
const LABELS: &str = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$";
/// Texts that another rule rejects, so that the rule about labels ignores them.
const OF_OTHER_RULES: &str = r"^$|[/:@?#\s*A-Z]|\.$|[^\x01-\x7F]";
/// A character that is not ASCII.
const NOT_ASCII: &str = r"[^\x01-\x7F]";
/// Ends with a number. Resolvers treat such a name as an IP address.
const ADDRESS: &str = r"(^|\.)[0-9]+$";

/// Rejects URLs.
pub(super) fn name_alone() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(NOT_A_HOST))).message(
        "write only the host name, like preview-1.example.com: no https://, no port, no path, \
             no spaces",
    )
}

/// Rejects wildcards: a preview has one host.
pub(super) fn no_wildcard() -> Rule {
    Rule::new("!self.contains('*')").message(
        "write one host name without a *, like preview-1.example.com: each preview has its own \
             host",
    )
}

/// Rejects internationalised names that are not in ASCII: routes use the ASCII form, and one host
/// must have one spelling.
pub(super) fn in_ascii() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(NOT_ASCII))).message(
        "write an internationalised name in its ASCII form (Punycode): \
         xn--bcher-kva.example.com for b\u{fc}cher.example.com",
    )
}

/// Rejects capital letters and a final dot: DNS accepts both, routes accept neither.
pub(super) fn as_routes_write_it() -> Rule {
    Rule::new(format!(
        "self.matches({}) || (self == self.lowerAscii() && !self.endsWith('.'))",
        cel_string(NOT_A_HOST)
    ))
    .message(Message::Expression(
        "'write the host in lower case and without a dot at the end: ' \
         + self.lowerAscii().substring(0, self.endsWith('.') ? size(self) - 1 : size(self))"
            .into(),
    ))
}

/// Rejects names that DNS cannot resolve.
pub(super) fn labels() -> Rule {
    Rule::new(format!(
        "self.matches({}) || self.matches({})",
        cel_string(OF_OTHER_RULES),
        cel_string(LABELS)
    ))
    .message(
        "write parts of 1 to 63 characters between the dots, of a to z, 0 to 9 and hyphens, with \
         no hyphen at the start or end of a part, like preview-1.example.com",
    )
}

/// Rejects a name without a domain: resolvers add different domains, and it gets no certificate.
pub(super) fn with_domain() -> Rule {
    Rule::new("self.contains('.')")
        .message("write the full host name with its domain, like preview-1.example.com")
}

/// Rejects IP addresses: routes select requests by host name.
pub(super) fn no_address() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(ADDRESS))).message(
        "write a host name like preview-1.example.com, not an IP address: the last part of a \
             host name is not a number",
    )
}
