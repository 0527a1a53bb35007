//! Which fields an edit of a policy made stricter. In doubt, a field counts as stricter: then the
//! edit only applies later.

use operator_api::preview::{PreviewPolicySpec, RouteType};

use crate::preview::admission::rules::{allows, most_previews, most_replicas};

/// The fields of `after` that refuse something that `before` allowed. `before` is `None` for a
/// policy without effect.
pub(super) fn stricter(
    before: Option<&PreviewPolicySpec>,
    after: &PreviewPolicySpec,
) -> Vec<&'static str> {
    let nothing = PreviewPolicySpec::default();
    // In other namespaces, the policy had no effect.
    let is_same_place =
        before.is_some_and(|before| before.namespace_selector == after.namespace_selector);
    let before = before.filter(|_| is_same_place).unwrap_or(&nothing);
    let types = |spec: &PreviewPolicySpec| -> Vec<RouteType> {
        spec.routes.iter().flat_map(|routes| &routes.types).copied().collect()
    };
    let reachable_from = |spec: &PreviewPolicySpec| -> Vec<String> {
        spec.network_policy.iter().flat_map(|network| &network.from_namespaces).cloned().collect()
    };
    let fields = [
        ("limits.previews", is_lower(most_previews(before), most_previews(after))),
        ("limits.replicas", is_lower(most_replicas(before), most_replicas(after))),
        ("routes.types", is_narrower(&types(before), &types(after), |new, old| new == old)),
        ("domains", is_narrower(&before.domains, &after.domains, |new, old| covers(new, old))),
        (
            "imagePrefixes",
            is_narrower(&before.image_prefixes, &after.image_prefixes, |new, old| {
                new == old || new.ends_with('/') && old.starts_with(new)
            }),
        ),
        (
            "networkPolicy",
            is_narrower(&reachable_from(before), &reachable_from(after), |new, old| new == old),
        ),
    ];
    fields.into_iter().filter(|(_, is_stricter)| *is_stricter).map(|(field, _)| field).collect()
}

fn is_lower<T: Ord>(before: Option<T>, after: Option<T>) -> bool {
    after.is_some_and(|after| before.is_none_or(|before| after < before))
}

/// Whether something that a list allowed is not allowed by another list. An empty list allows all.
fn is_narrower<T>(before: &[T], after: &[T], covers: impl Fn(&T, &T) -> bool) -> bool {
    let is_covered = |old: &T| after.iter().any(|new| covers(new, old));
    !after.is_empty() && (before.is_empty() || !before.iter().all(is_covered))
}

/// Whether the domain `new` allows every host that the domain `old` allows.
fn covers(new: &str, old: &str) -> bool {
    match old.strip_prefix("*.") {
        _ if new == "*" || new == old => true,
        // One host does not cover the hosts below a domain.
        Some(below) => new.starts_with('*') && allows(new, below),
        None => allows(new, old),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(json: Value) -> PreviewPolicySpec {
        serde_json::from_value(json).unwrap()
    }

    fn fields(before: Value, after: Value) -> Vec<&'static str> {
        stricter(Some(&spec(before)), &spec(after))
    }

    #[test]
    fn a_limit_that_is_new_or_lower_is_stricter() {
        let most = |previews: i32| json!({ "limits": { "previews": previews, "replicas": 2 } });
        assert_eq!(fields(json!({}), most(3)), ["limits.previews", "limits.replicas"]);
        assert_eq!(fields(most(3), most(2)), ["limits.previews"]);
        for (before, after) in [(most(3), most(3)), (most(2), most(3)), (most(2), json!({}))] {
            assert!(fields(before, after).is_empty());
        }
    }

    #[test]
    fn a_list_that_does_not_allow_all_that_it_did_is_stricter() {
        let domains = |domains: &[&str]| json!({ "domains": domains });
        let prefixes = |prefixes: &[&str]| json!({ "imagePrefixes": prefixes });
        let types = |types: &[&str]| json!({ "routes": { "types": types } });
        let from = |from: &[&str]| json!({ "networkPolicy": { "fromNamespaces": from } });
        for (before, after, field) in [
            (json!({}), domains(&["*.a.com"]), "domains"),
            (domains(&["*.a.com", "b.com"]), domains(&["*.a.com"]), "domains"),
            (domains(&["*"]), domains(&["*.a.com"]), "domains"),
            (domains(&["*.a.com"]), domains(&["*.x.a.com"]), "domains"),
            (domains(&["a.com"]), domains(&["*.a.com"]), "domains"),
            (domains(&["*.a.com"]), domains(&["a.com"]), "domains"),
            (json!({}), from(&["a"]), "networkPolicy"),
            (from(&["a", "b"]), from(&["a", "c"]), "networkPolicy"),
            (json!({}), prefixes(&["r/"]), "imagePrefixes"),
            (prefixes(&["r/"]), prefixes(&["r/team/"]), "imagePrefixes"),
            (prefixes(&["r:5000/a"]), prefixes(&["r:"]), "imagePrefixes"),
            (json!({}), types(&["Ingress"]), "routes.types"),
            (types(&["Ingress", "Mapping"]), types(&["Ingress"]), "routes.types"),
        ] {
            assert_eq!(fields(before.clone(), after.clone()), [field], "{before} {after}");
        }
        for (before, after) in [
            (domains(&["*.x.a.com", "b.a.com"]), domains(&["*.a.com"])),
            (domains(&["a.com"]), domains(&["*"])),
            (domains(&["a.com"]), json!({})),
            (prefixes(&["r/team/"]), prefixes(&["r/"])),
            (prefixes(&["r:5000/a/"]), prefixes(&["r:5000/", "x/"])),
            (types(&["Ingress"]), types(&["Ingress", "Mapping"])),
            (from(&["a"]), from(&["a", "b"])),
            (from(&["a"]), json!({})),
        ] {
            assert!(fields(before.clone(), after.clone()).is_empty(), "{before} {after}");
        }
    }

    #[test]
    fn a_policy_that_is_new_or_selects_other_namespaces_is_stricter_in_all_its_limits() {
        let limits = |team: &str| {
            json!({
                "namespaceSelector": { "matchLabels": { "team": team } },
                "domains": ["a.com"],
            })
        };
        assert_eq!(stricter(None, &spec(limits("a"))), ["domains"]);
        assert_eq!(fields(limits("a"), limits("b")), ["domains"]);
        assert!(fields(limits("a"), limits("a")).is_empty());
        let defaults = spec(json!({ "limits": { "defaultTtl": "1h" } }));
        assert!(stricter(None, &defaults).is_empty());
    }
}
