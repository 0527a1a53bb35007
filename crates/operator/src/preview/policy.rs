//! What `PreviewPolicy`s say about the previews of a namespace. Several may select it: of limits
//! the strictest counts, of lists each has to allow, of defaults that of the first by name.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{Index, Metadata, ObjectKey, View};
use operator_api::duration;
use operator_api::preview::{GatewayRef, LabelOperator, PreviewLimits, PreviewPolicy, RouteType};

use super::kinds::Reads;

/// Policies by one thing that they ask of a namespace's labels. So a policy that changes wakes the
/// previews of those namespaces that have it, or had it, and no others.
struct ByLabel;

/// The key of a policy that asks for no label that is there.
const ANY: &str = "";

impl Index for ByLabel {
    type Of = PreviewPolicy;

    fn keys(policy: &PreviewPolicy) -> Vec<String> {
        let Some(selector) = &policy.spec.namespace_selector else { return vec![ANY.to_owned()] };
        if let Some((label, value)) = selector.match_labels.first_key_value() {
            return vec![pair(label, value)];
        }
        let with = |operator| {
            selector.match_expressions.iter().find(|requirement| requirement.operator == operator)
        };
        match (with(LabelOperator::In), with(LabelOperator::Exists)) {
            (Some(among), _) => among.values.iter().map(|value| pair(&among.key, value)).collect(),
            (None, Some(there)) => vec![there.key.clone()],
            (None, None) => vec![ANY.to_owned()],
        }
    }
}

/// No label has a `=` in its key.
fn pair(label: &str, value: &str) -> String {
    format!("{label}={value}")
}

/// The policies that select a namespace, ordered by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Arc<PreviewPolicy>>);

/// A limit, and the policy that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit<'a, T> {
    pub(super) value: T,
    pub(super) policy: &'a str,
}

impl Rules {
    /// Those of a namespace.
    pub(super) fn of(namespace: &str, view: &View<'_, Reads>) -> Self {
        let namespace = view.get::<Metadata<Namespace>, _>(&ObjectKey::cluster(namespace));
        let labels =
            namespace.and_then(|namespace| namespace.metadata.labels.clone()).unwrap_or_default();
        let keys = labels.iter().flat_map(|(label, value)| [label.clone(), pair(label, value)]);
        let found =
            std::iter::once(ANY.to_owned()).chain(keys).flat_map(|key| view.by::<ByLabel, _>(&key));
        let selects = |policy: &Arc<PreviewPolicy>| {
            policy.spec.namespace_selector.as_ref().is_none_or(|selector| selector.matches(&labels))
        };
        let mut policies: Vec<Arc<PreviewPolicy>> = found.filter(selects).collect();
        policies.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        Self(policies)
    }

    fn each(&self) -> impl Iterator<Item = (&str, &PreviewPolicy)> {
        self.0.iter().map(|policy| (policy.metadata.name.as_deref().unwrap_or_default(), &**policy))
    }

    /// The lowest that any policy says.
    fn lowest<T: Ord>(&self, says: impl Fn(&PreviewLimits) -> Option<T>) -> Option<Limit<'_, T>> {
        let limit = |(policy, of): (_, &PreviewPolicy)| {
            of.spec.limits.as_ref().and_then(&says).map(|value| Limit { value, policy })
        };
        self.each().filter_map(limit).min_by(|a, b| a.value.cmp(&b.value))
    }

    /// How many previews the namespace may have.
    pub(super) fn previews(&self) -> Option<Limit<'_, usize>> {
        self.lowest(|limits| limits.previews.and_then(|most| usize::try_from(most).ok()))
    }

    /// How many pods a preview may have.
    pub(super) fn replicas(&self) -> Option<Limit<'_, i32>> {
        self.lowest(|limits| limits.replicas)
    }

    /// How long a preview may be kept.
    pub(super) fn max_ttl(&self) -> Option<Limit<'_, Duration>> {
        self.lowest(|limits| read(limits.max_ttl.as_deref()))
    }

    /// How long a preview is kept that does not say, also where that is longer than it may be.
    pub(super) fn default_ttl(&self) -> Option<Limit<'_, Duration>> {
        self.each().find_map(|(policy, of)| {
            let value = read(of.spec.limits.as_ref()?.default_ttl.as_deref())?;
            Some(Limit { value, policy })
        })
    }

    /// The first policy that does not allow routes of this type.
    pub(super) fn refuses_route(&self, type_: RouteType) -> Option<Limit<'_, &[RouteType]>> {
        self.each().find_map(|(policy, of)| {
            let allowed = of
                .spec
                .routes
                .as_ref()
                .map(|routes| &*routes.types)
                .filter(|types| !types.is_empty())?;
            let refused = type_ != RouteType::None && !allowed.contains(&type_);
            refused.then_some(Limit { value: allowed, policy })
        })
    }

    /// What a route is where a preview does not say.
    pub(super) fn default_route(&self) -> Option<RouteType> {
        self.each().find_map(|(_, policy)| policy.spec.routes.as_ref()?.default)
    }

    /// The Gateways of an `HTTPRoute` that names none.
    pub(super) fn gateways(&self) -> Option<&[GatewayRef]> {
        let mut gateways =
            self.each().filter_map(|(_, policy)| Some(&*policy.spec.routes.as_ref()?.parent_refs));
        gateways.find(|gateways| !gateways.is_empty())
    }

    /// The class of an Ingress that names none.
    pub(super) fn ingress_class(&self) -> Option<&str> {
        self.each()
            .find_map(|(_, policy)| policy.spec.routes.as_ref()?.ingress_class_name.as_deref())
    }

    /// The first policy that does not allow this image.
    pub(super) fn refuses_image(&self, image: &str) -> Option<Limit<'_, &[String]>> {
        self.each().find_map(|(policy, of)| {
            let prefixes = &*of.spec.image_prefixes;
            let refused =
                !prefixes.is_empty() && !prefixes.iter().any(|prefix| begins(image, prefix));
            refused.then_some(Limit { value: prefixes, policy })
        })
    }

    /// The hosts that each policy allows, of those that say any.
    pub(super) fn domains(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.each()
            .map(|(policy, of)| (policy, &*of.spec.domains))
            .filter(|(_, domains)| !domains.is_empty())
    }

    /// From which namespaces a preview is reached: those that any policy names; `None` where no
    /// policy asks.
    pub(super) fn reached_from(&self) -> Option<Vec<String>> {
        let mut asked = self
            .each()
            .filter_map(|(_, policy)| Some(&policy.spec.network_policy.as_ref()?.from_namespaces))
            .peekable();
        asked.peek()?;
        let mut all: Vec<String> = asked.flatten().cloned().collect();
        all.sort();
        all.dedup();
        Some(all)
    }
}

/// Whether `image` is one of those that a prefix is for. What ends with a slash is for all below
/// it; with a colon or an at sign for the tags or the digests of one repository, and these have no
/// slash: what has one is a registry's port, and another image.
fn begins(image: &str, prefix: &str) -> bool {
    image.strip_prefix(prefix).is_some_and(|rest| prefix.ends_with('/') || !rest.contains('/'))
}

/// A duration that the schema let pass.
fn read(text: Option<&str>) -> Option<Duration> {
    duration::parse(text?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use kubewright::core::kind::AnyObject;
    use kubewright::core::view::Fixed;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::namespace;

    /// A policy with this spec.
    pub(in crate::preview) fn policy(name: &str, spec: Value) -> PreviewPolicy {
        PreviewPolicy::new(name, serde_json::from_value(spec).unwrap())
    }

    fn world(policies: &[PreviewPolicy]) -> Fixed {
        let namespaces = Fixed::empty()
            .with(namespace("shop", &[("team", "shop"), ("tier", "gold")]))
            .with(namespace("bare", &[]));
        policies.iter().fold(namespaces, |world, policy| world.with(policy.clone()))
    }

    fn rules(namespace: &str, policies: &[PreviewPolicy]) -> Rules {
        Rules::of(namespace, &View::new(&world(policies)))
    }

    #[test]
    fn a_policy_is_for_the_namespaces_that_it_selects() {
        let selecting =
            |name: &str, selector: Value| policy(name, json!({ "namespaceSelector": selector }));
        let expression = |operator: &str, values: &[&str]| json!({ "matchExpressions": [{ "key": "team", "operator": operator, "values": values }] });
        let policies = [
            policy("all", json!({})),
            selecting("empty", json!({})),
            selecting("labels", json!({ "matchLabels": { "team": "shop", "tier": "gold" } })),
            selecting(
                "other-labels",
                json!({ "matchLabels": { "team": "shop", "tier": "silver" } }),
            ),
            selecting("in", expression("In", &["search", "shop"])),
            selecting("not-in", expression("NotIn", &["shop"])),
            selecting("exists", expression("Exists", &[])),
            selecting("does-not-exist", expression("DoesNotExist", &[])),
        ];
        let names = |namespace| {
            rules(namespace, &policies).each().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("shop"), ["all", "empty", "exists", "in", "labels"]);
        assert_eq!(names("bare"), ["all", "does-not-exist", "empty", "not-in"]);
    }

    #[test]
    fn a_policy_wakes_the_previews_of_namespaces_with_a_label_that_it_asks_for_and_no_others() {
        let world = world(&[]);
        let asked = |namespace| {
            let view = View::new(&world);
            let _ = Rules::of(namespace, &view);
            view.into_lookups()
        };
        let wakes = |namespace, selector: Value| {
            let policy: &dyn AnyObject = &policy("p", json!({ "namespaceSelector": selector }));
            asked(namespace)
                .iter()
                .any(|lookup| lookup.kind.kind == "PreviewPolicy" && lookup.query.matches(policy))
        };
        let in_shop = json!({ "matchExpressions": [{ "key": "team", "operator": "In", "values": ["a", "shop"] }] });
        for selector in [json!({ "matchLabels": { "team": "shop" } }), in_shop] {
            assert!(wakes("shop", selector.clone()) && !wakes("bare", selector));
        }
        let exists = json!({ "matchExpressions": [{ "key": "team", "operator": "Exists" }] });
        assert!(wakes("shop", exists.clone()) && !wakes("bare", exists));
        assert!(wakes("shop", json!({})) && wakes("bare", json!({})));
    }

    #[test]
    fn of_limits_the_strictest_counts_and_of_defaults_the_first() {
        let rules = rules(
            "shop",
            &[
                policy(
                    "b",
                    json!({ "limits": { "previews": 3, "replicas": 1, "maxTtl": "48h", "defaultTtl": "1h" } }),
                ),
                policy(
                    "a",
                    json!({ "limits": { "previews": 5, "maxTtl": "24h", "defaultTtl": "36h" } }),
                ),
                policy("c", json!({})),
            ],
        );
        assert_eq!(rules.previews(), Some(Limit { value: 3, policy: "b" }));
        assert_eq!(rules.replicas(), Some(Limit { value: 1, policy: "b" }));
        let hours = |hours| Some(Limit { value: Duration::from_hours(hours), policy: "a" });
        assert_eq!((rules.max_ttl(), rules.default_ttl()), (hours(24), hours(36)));
        assert_eq!(Rules::default().default_ttl(), None);
    }

    #[test]
    fn each_policy_has_to_allow_a_route_and_an_image() {
        let rules = rules(
            "shop",
            &[
                policy(
                    "a",
                    json!({ "routes": { "types": ["HTTPRoute", "Ingress"] }, "imagePrefixes": ["a.example.com/", "b.example.com/x:"] }),
                ),
                policy(
                    "b",
                    json!({ "routes": { "types": ["Ingress"], "default": "Ingress", "parentRefs": [{ "name": "public" }] } }),
                ),
            ],
        );
        assert_eq!(rules.refuses_route(RouteType::HttpRoute).map(|limit| limit.policy), Some("b"));
        assert_eq!(rules.refuses_route(RouteType::Mapping).map(|limit| limit.policy), Some("a"));
        assert_eq!(
            (rules.refuses_route(RouteType::Ingress), rules.refuses_route(RouteType::None)),
            (None, None)
        );
        assert_eq!(rules.refuses_image("a.example.com/team/app:1"), None);
        assert_eq!(rules.refuses_image("b.example.com/xy:1").map(|limit| limit.policy), Some("a"));
        assert_eq!(rules.default_route(), Some(RouteType::Ingress));
        assert_eq!(rules.gateways().map(|gateways| &*gateways[0].name), Some("public"));
    }

    #[test]
    fn a_prefix_ends_where_a_part_of_a_reference_does_and_a_port_is_no_tag() {
        for (image, prefix) in [
            ("registry.example.com/team/app:1", "registry.example.com/team/"),
            ("registry:5000/team/app", "registry:5000/"),
            ("registry:5000/team/app:1", "registry:5000/team/app:"),
            ("registry:5000/app@sha256:00", "registry:5000/app@"),
            ("registry:5000/app:1@sha256:00", "registry:5000/app:"),
            ("registry:1", "registry:"),
        ] {
            assert!(begins(image, prefix), "{image} {prefix}");
        }
        for (image, prefix) in [
            ("registry:5000/team/app", "registry:"),
            ("registry:5000/x:1", "registry:"),
            ("app@sha256:00", "app:"),
            ("app", "app:"),
            ("user@host/app:1", "user@"),
            ("registry.example.com.evil.com/app", "registry.example.com/"),
        ] {
            assert!(!begins(image, prefix), "{image} {prefix}");
        }
    }

    #[test]
    fn a_preview_is_reached_from_where_any_policy_says_and_from_everywhere_where_none_does() {
        let from =
            |namespaces: &[&str]| json!({ "networkPolicy": { "fromNamespaces": namespaces } });
        let both = rules(
            "shop",
            &[
                policy("a", from(&["gateways", "b"])),
                policy("b", from(&["gateways", "a"])),
                policy("c", json!({})),
            ],
        );
        assert_eq!(
            both.reached_from(),
            Some(vec!["a".to_owned(), "b".to_owned(), "gateways".to_owned()])
        );
        assert_eq!(rules("shop", &[policy("c", json!({}))]).reached_from(), None);
    }
}
