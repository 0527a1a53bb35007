//! What one spec of a policy refuses. Each function returns what the spec allows instead.

use operator_api::preview::{PreviewPolicySpec, RouteType};

/// The prefixes, if none of them allows this image.
pub(crate) fn rejects_image<'a>(spec: &'a PreviewPolicySpec, image: &str) -> Option<&'a [String]> {
    let prefixes = &*spec.image_prefixes;
    let is_allowed = prefixes.is_empty() || prefixes.iter().any(|prefix| matches(image, prefix));
    (!is_allowed).then_some(prefixes)
}

/// The types, if a route of this type is not among them.
pub(crate) fn rejects_route(spec: &PreviewPolicySpec, type_: RouteType) -> Option<&[RouteType]> {
    let allowed = &*spec.routes.as_ref()?.types;
    let is_allowed = type_ == RouteType::None || allowed.is_empty() || allowed.contains(&type_);
    (!is_allowed).then_some(allowed)
}

/// The domains, if none of them allows this host.
pub(crate) fn rejects_host<'a>(spec: &'a PreviewPolicySpec, host: &str) -> Option<&'a [String]> {
    let domains = &*spec.domains;
    let is_allowed = domains.is_empty() || domains.iter().any(|domain| allows(domain, host));
    (!is_allowed).then_some(domains)
}

/// The maximum number of previews in a namespace.
pub(crate) fn most_previews(spec: &PreviewPolicySpec) -> Option<usize> {
    spec.limits.as_ref()?.previews.and_then(|most| usize::try_from(most).ok())
}

/// The maximum number of pods of a preview.
pub(crate) fn most_replicas(spec: &PreviewPolicySpec) -> Option<i32> {
    spec.limits.as_ref()?.replicas
}

/// Whether `domain`, as an administrator writes it, allows `host`.
pub(crate) fn allows(domain: &str, host: &str) -> bool {
    let domain = domain.trim().trim_end_matches('.').to_ascii_lowercase();
    match domain.strip_prefix('*') {
        Some("") => true,
        Some(below) => below.starts_with('.') && host.len() > below.len() && host.ends_with(below),
        None => domain == host,
    }
}

/// Whether an image reference starts with `prefix`, which ends with `/`, `:` or `@`. After `:` or
/// `@` comes a tag or digest, which has no `/`; a rest with `/` means that `:` precedes the port of
/// a registry.
fn matches(image: &str, prefix: &str) -> bool {
    image.strip_prefix(prefix).is_some_and(|rest| prefix.ends_with('/') || !rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_one_host_or_with_a_star_every_host_below_it() {
        for (domain, host) in [
            ("pr.example.com", "pr.example.com"),
            (" PR.Example.com. ", "pr.example.com"),
            ("*.example.com", "pr.example.com"),
            ("*.example.com", "a.b.example.com"),
            ("*", "pr.example.com"),
        ] {
            assert!(allows(domain, host), "{domain} {host}");
        }
        for (domain, host) in [
            ("example.com", "pr.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "prexample.com"),
            ("*.example.com", ".example.com"),
            ("*example.com", "prexample.com"),
            ("", "example.com"),
        ] {
            assert!(!allows(domain, host), "{domain} {host}");
        }
    }

    #[test]
    fn a_prefix_matches_whole_parts_of_a_reference_and_a_port_is_not_a_tag() {
        for (image, prefix) in [
            ("registry.example.com/team/app:1", "registry.example.com/team/"),
            ("registry:5000/team/app", "registry:5000/"),
            ("registry:5000/team/app:1", "registry:5000/team/app:"),
            ("registry:5000/app@sha256:00", "registry:5000/app@"),
            ("registry:5000/app:1@sha256:00", "registry:5000/app:"),
            ("registry:1", "registry:"),
        ] {
            assert!(matches(image, prefix), "{image} {prefix}");
        }
        for (image, prefix) in [
            ("registry:5000/team/app", "registry:"),
            ("registry:5000/x:1", "registry:"),
            ("app@sha256:00", "app:"),
            ("app", "app:"),
            ("user@host/app:1", "user@"),
            ("registry.example.com.evil.com/app", "registry.example.com/"),
        ] {
            assert!(!matches(image, prefix), "{image} {prefix}");
        }
    }
}
