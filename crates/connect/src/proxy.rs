//! Which proxy leads to the cluster, as in Go's net/http.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::environment::Environment;

/// The proxy that the kubeconfig names, or else the proxy of the environment.
///
/// A proxy of the environment is not used for this machine, and not for the hosts of `NO_PROXY`.
pub(crate) fn choose(
    server: &Uri,
    named: Option<&str>,
    environment: Environment<'_>,
) -> Result<Option<Uri>, String> {
    if let Some(url) = named {
        return parse(url).map(Some).map_err(|problem| format!("proxy-url {problem}"));
    }
    let Some(host) = server.host().map(without_brackets) else { return Ok(None) };
    let is_local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let variables = match server.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let Some(proxy) = variable(variables, environment).filter(|_| !is_local) else {
        return Ok(None);
    };
    let excluded = variable(["NO_PROXY", "no_proxy"], environment).unwrap_or_default();
    if is_excluded(server, host, &excluded) {
        return Ok(None);
    }
    let with_scheme = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
    parse(&with_scheme)
        .map(Some)
        .map_err(|problem| format!("the proxy in ${} {problem}", variables[0]))
}

/// A proxy's address with its port. The messages do not contain the URL, which may have a password.
fn parse(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "is no URL")?;
    let port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        Some("socks5" | "socks5h") => 1080,
        _ => return Err("must start with http://, https:// or socks5://"),
    };
    with_port(uri, port).ok_or("has no host")
}

/// The URI with an explicit port; `None` without a host.
pub(crate) fn with_port(uri: Uri, default: u16) -> Option<Uri> {
    let mut parts = uri.into_parts();
    let authority = parts.authority.filter(|authority| !authority.host().is_empty())?;
    parts.authority = Some(match authority.port() {
        Some(_) => authority,
        None => format!("{}:{default}", authority.as_str().trim_end_matches(':')).parse().ok()?,
    });
    parts.path_and_query = parts.path_and_query.or_else(|| "/".parse().ok());
    Uri::from_parts(parts).ok()
}

fn variable(names: [&str; 2], environment: Environment<'_>) -> Option<String> {
    let texts = names.into_iter().filter_map(environment);
    texts.map(|text| text.to_string_lossy().trim().to_owned()).find(|text| !text.is_empty())
}

/// Whether `NO_PROXY` lists the host: as an IP address, a network, a domain or `*`; with a port, it
/// must be the port of the server.
fn is_excluded(server: &Uri, host: &str, list: &str) -> bool {
    let default_port = if server.scheme_str() == Some("https") { 443 } else { 80 };
    let port = server.port_u16().unwrap_or(default_port).to_string();
    let entries = list.split(',').map(str::trim);
    let hosts = entries.filter_map(|entry| match entry.rsplit_once(':') {
        // An IPv6 address without brackets has no port.
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => Some(entry),
        Some((host, listed)) if !entry.ends_with(']') => (listed == port).then_some(host),
        _ => Some(entry),
    });
    let hosts: Vec<&str> = hosts
        .map(|host| if host.starts_with("*.") { &host[1..] } else { without_brackets(host) })
        .collect();
    if hosts.contains(&"*") {
        return true;
    }
    // Any proxy does: the answer depends on the list alone.
    let matcher = Matcher::builder().all("http://proxy.invalid").no(hosts.join(",")).build();
    let uri = Uri::builder().scheme("https").path_and_query("/");
    let authority = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let uri = uri.authority(authority).build();
    uri.is_ok_and(|uri| matcher.intercept(&uri).is_none())
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The proxy for `server` with these variables.
    fn chosen(
        server: &str,
        named: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<String>, String> {
        let environment = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, text)| (*text).into())
        };
        let proxy = choose(&server.parse().unwrap(), named, &environment)?;
        Ok(proxy.map(|uri| uri.to_string()))
    }

    const PROXY: (&str, &str) = ("HTTPS_PROXY", "http://proxy.example.com:3128");
    const CLUSTER: &str = "https://10.1.2.3:6443";

    #[test]
    fn the_kubeconfig_has_precedence_over_the_environment_and_its_exceptions() {
        let variables = [PROXY, ("NO_PROXY", "*")];
        let named = |server: &str| chosen(server, Some("socks5://127.0.0.1:1080"), &variables);
        assert_eq!(named(CLUSTER), Ok(Some("socks5://127.0.0.1:1080/".to_owned())));
        assert_eq!(named("https://127.0.0.1:6443"), named(CLUSTER));
    }

    #[test]
    fn this_machine_is_never_reached_through_a_proxy_of_the_environment() {
        for server in [
            "https://127.0.0.1:6443",
            "https://127.9.9.9:6443",
            "https://[::1]:6443",
            "https://localhost:6443",
            "https://localhost",
        ] {
            assert_eq!(chosen(server, None, &[PROXY]), Ok(None), "{server}");
        }
        let proxied = chosen("https://localhost.example.com", None, &[PROXY]);
        assert_eq!(proxied, Ok(Some("http://proxy.example.com:3128/".to_owned())));
    }

    #[test]
    fn each_scheme_has_its_variables_and_capitals_come_first() {
        let variables = [
            ("https_proxy", "b:1"),
            ("HTTPS_PROXY", "a:1"),
            ("http_proxy", "http://c"),
            ("HTTP_PROXY", ""),
            ("ALL_PROXY", "d:1"),
        ];
        let proxy = |server| chosen(server, None, &variables).unwrap();
        assert_eq!(proxy("https://x").as_deref(), Some("http://a:1/"));
        assert_eq!(proxy("http://x").as_deref(), Some("http://c:80/"));
        assert_eq!(chosen("https://x", None, &variables[4..]), Ok(None));
    }

    #[test]
    fn hosts_of_no_proxy_are_reached_directly() {
        let direct = |server: &str, list: &str| {
            chosen(server, None, &[PROXY, ("no_proxy", list)]).unwrap().is_none()
        };
        for list in
            ["*", "10.1.2.3", "10.0.0.0/8", "a, 10.1.2.3:6443 ,b", "10.1.2.0/24,", ",,10.1.2.3"]
        {
            assert!(direct(CLUSTER, list), "{list}");
        }
        for list in ["", "10.1.2.4", "10.2.0.0/16", "10.1.2.3:443", "3", "*.2.3"] {
            assert!(!direct(CLUSTER, list), "{list}");
        }
        for list in ["example.com", ".example.com", "*.example.com", "K8S.example.com:443"] {
            assert!(direct("https://k8s.example.com", list), "{list}");
        }
        for list in ["ample.com", "other.com", "x.k8s.example.com", "k8s.example.com:6443"] {
            assert!(!direct("https://k8s.example.com", list), "{list}");
        }
        for list in ["fd00::1", "[fd00::1]", "[fd00::1]:6443", "fd00::/8"] {
            assert!(direct("https://[fd00::1]:6443", list), "{list}");
        }
        assert!(!direct("https://[fd00::1]:6443", "[fd00::1]:443,fd00::2"));
    }

    #[test]
    fn a_proxy_has_a_port_and_keeps_its_password() {
        let proxy = |url| chosen(CLUSTER, Some(url), &[]).unwrap().unwrap();
        assert_eq!(proxy("http://p"), "http://p:80/");
        assert_eq!(proxy("https://user:pa%40ss@p/"), "https://user:pa%40ss@p:443/");
        assert_eq!(proxy("socks5://[::1]"), "socks5://[::1]:1080/");
        assert_eq!(proxy("socks5h://p:1"), "socks5h://p:1/");
    }

    #[test]
    fn an_unusable_proxy_is_rejected_without_its_password() {
        for (url, problem) in [
            ("ftp://me:secret@p", "proxy-url must start with http://, https:// or socks5://"),
            ("p:3128", "proxy-url must start with http://, https:// or socks5://"),
            ("http://me:secret p", "proxy-url is no URL"),
        ] {
            assert_eq!(chosen(CLUSTER, Some(url), &[]), Err(problem.to_owned()), "{url}");
        }
        let error = chosen(CLUSTER, None, &[("HTTPS_PROXY", "ftp://me:secret@p")]).unwrap_err();
        assert!(error.starts_with("the proxy in $HTTPS_PROXY must start with"), "{error}");
    }
}
