//! Which texts are host names. The schema checks more and gives better messages; this check covers
//! older resources, because a route with a wildcard would take the traffic of other hosts.

use kubewright::{ConditionType, Invalid};

/// Reasons of `Ready` for a host that cannot be used.
pub(crate) const HOST_REASONS: ConditionType =
    ConditionType::ready(&[("HostNotUsable", "`spec.fqdn` is not one host name")]);

/// The maximum length of a part of a host name in DNS.
const LONGEST_LABEL: usize = 63;
/// The maximum length of a host name in DNS.
const LONGEST_HOST: usize = 253;

/// Checks that `host` is one host name.
///
/// # Errors
/// [`Invalid`] with an example of a host name.
pub(super) fn check(host: &str) -> Result<(), Invalid> {
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if host.len() <= LONGEST_HOST && host.split('.').all(is_label) {
        return Ok(());
    }
    Err(Invalid::new(
        "HostNotUsable",
        format!(
            "spec.fqdn is {host:?}, which is not one host name: write a name such as \
             preview-1.example.com, in lower case, without a wildcard, scheme, port or path"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_accepted() {
        for host in ["preview-1.fqdn.com", "a.b", "xn--bcher-kva.example.com"] {
            assert_eq!(check(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_text_that_is_not_one_host_name_is_rejected() {
        for host in [
            "",
            "*",
            "*.example.com",
            "http://a.b",
            "a.b/c",
            "a.b:80",
            "A.b",
            "a..b",
            "a.b.",
            "a b",
            "a\n.b",
            "-a.b",
            "a-.b",
            &"a".repeat(64),
            &vec!["a"; 128].join("."),
        ] {
            assert!(
                check(host)
                    .is_err_and(|invalid| invalid.message().contains("preview-1.example.com")),
                "{host}"
            );
        }
    }
}
