//! Which host names are never routed. The schema says more, and says it better; what is here is the
//! last line, because a route with a wildcard takes the traffic of everybody else.

use kubewright::Invalid;

/// Whether `host` is a host name and nothing else.
///
/// # Errors
/// [`Invalid`] says what to write instead.
pub(super) fn check(host: &str) -> Result<(), Invalid> {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if host.split('.').all(is_label) {
        return Ok(());
    }
    Err(Invalid::new(
        "HostNotUsable",
        format!(
            "spec.fqdn is {host:?}, which is not the name of one host: write it in lower case, without a wildcard, a scheme, a \
             port or a path, like preview-1.example.com"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_taken() {
        for host in ["preview-1.fqdn.com", "a.b", "xn--bcher-kva.example.com"] {
            assert_eq!(check(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn what_is_not_the_name_of_one_host_is_refused() {
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
        ] {
            assert!(
                check(host).is_err_and(|invalid| invalid.message.contains("preview-1.example.com")),
                "{host}"
            );
        }
    }
}
