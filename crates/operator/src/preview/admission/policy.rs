//! The policies that select a namespace. Of several limits the strictest applies, every list must
//! allow a value, and the first policy by name sets a default.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kubewright::{Index, Metadata, Timestamp, of};
use operator_api::duration;
use operator_api::preview::{
    GatewayRef, LabelOperator, NamespaceSelector, PreviewLimits, PreviewPolicySpec, RouteType,
    StoredPolicy, UnreadablePolicy,
};

use super::applied::Applied;
use super::rules;
use crate::preview::kinds::PreviewView;

/// Policies by one label that they require of a namespace. So a change of a policy wakes only the
/// previews of namespaces that have this label.
struct ByLabel;

/// The key of a policy that requires no label.
const ANY: &str = "";

impl Index for ByLabel {
    type Of = StoredPolicy;

    fn keys(policy: &StoredPolicy) -> Vec<String> {
        let mut keys = match policy.spec.selector() {
            Ok(selector) => required(selector.as_ref()),
            Err(_) => vec![ANY.to_owned()],
        };
        if let Some(spec) = policy.enforced() {
            keys.extend(required(spec.namespace_selector.as_ref()));
        }
        keys.sort();
        keys.dedup();
        keys
    }
}

/// The keys of which a namespace must have one, if the selector selects it.
fn required(selector: Option<&NamespaceSelector>) -> Vec<String> {
    let Some(selector) = selector else { return vec![ANY.to_owned()] };
    if let Some((label, value)) = selector.match_labels.first_key_value() {
        return vec![pair(label, value)];
    }
    let find = |operator| {
        selector.match_expressions.iter().find(|requirement| requirement.operator == operator)
    };
    match (find(LabelOperator::In), find(LabelOperator::Exists)) {
        (Some(label), _) => label.values.iter().map(|value| pair(&label.key, value)).collect(),
        (None, Some(label)) => vec![label.key.clone()],
        (None, None) => vec![ANY.to_owned()],
    }
}

/// An index key for a label and its value. No label key contains `=`.
fn pair(label: &str, value: &str) -> String {
    format!("{label}={value}")
}

/// The policies that select a namespace, ordered by name, as far as they apply to one preview.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies(Vec<Applied>);

/// A limit, and the policy that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit<'a, T> {
    pub(crate) value: T,
    pub(crate) policy: &'a str,
}

impl Policies {
    /// The policies that select this namespace, for a preview that was created at this time.
    pub(crate) fn selecting(
        namespace: &str,
        created: Option<Timestamp>,
        view: &PreviewView<'_>,
    ) -> Self {
        let namespace = view.get(of::<Metadata<Namespace>>(), namespace);
        let labels =
            namespace.and_then(|namespace| namespace.metadata.labels.clone()).unwrap_or_default();
        let keys = labels.iter().flat_map(|(label, value)| [label.clone(), pair(label, value)]);
        let found = std::iter::once(ANY.to_owned())
            .chain(keys)
            .flat_map(|key| view.list_by(of::<ByLabel>(), &key));
        let mut policies: Vec<Applied> =
            found.filter_map(|policy| Applied::new(policy, &labels, created)).collect();
        policies.sort_by(|a, b| a.name().cmp(b.name()));
        policies.dedup_by(|a, b| a.name() == b.name());
        Self(policies)
    }

    /// The same policies when the edits that do not apply yet do, and the first time at which one
    /// of them does, as far as it is known. `None` if there is no such edit.
    pub(super) fn after_edits(&self) -> Option<(Self, Option<Timestamp>)> {
        let is_pending = self.0.iter().any(Applied::is_pending);
        let at = self.0.iter().filter_map(Applied::enforced_at).min();
        is_pending.then(|| (Self(self.0.iter().map(Applied::after_edit).collect()), at))
    }

    fn each(&self) -> impl Iterator<Item = (&str, &PreviewPolicySpec)> {
        self.0.iter().filter_map(|policy| Some((policy.name(), policy.current()?)))
    }

    /// The value of the first policy that has one.
    fn first<'a, T>(
        &'a self,
        value: impl Fn(&'a PreviewPolicySpec) -> Option<T>,
    ) -> Option<Limit<'a, T>> {
        self.each().find_map(|(policy, spec)| Some(Limit { value: value(spec)?, policy }))
    }

    /// What the first policy allows that rejects something.
    fn rejects<'a, T>(
        &'a self,
        rule: impl Fn(&'a PreviewPolicySpec) -> Option<T>,
    ) -> Option<Limit<'a, T>> {
        self.0
            .iter()
            .find_map(|policy| Some(Limit { value: policy.rejects(&rule)?, policy: policy.name() }))
    }

    /// The lowest of these limits.
    fn lowest<'a, T: Ord>(limits: impl Iterator<Item = Limit<'a, T>>) -> Option<Limit<'a, T>> {
        limits.min_by(|a, b| a.value.cmp(&b.value))
    }

    /// The lowest limit of all policies. Before an edit applies, the higher one of both specs
    /// counts.
    fn lowest_enforced<T: Ord>(
        &self,
        limit: impl Fn(&PreviewPolicySpec) -> Option<T>,
    ) -> Option<Limit<'_, T>> {
        Self::lowest(self.0.iter().filter_map(|policy| {
            let current = limit(policy.current()?)?;
            let value = if policy.is_pending() {
                current.max(policy.before().and_then(&limit)?)
            } else {
                current
            };
            Some(Limit { value, policy: policy.name() })
        }))
    }

    /// The first policy that cannot be read, and why, for a new preview.
    pub(super) fn unreadable(&self) -> Option<Limit<'_, &UnreadablePolicy>> {
        self.0
            .iter()
            .find_map(|policy| Some(Limit { value: policy.unreadable()?, policy: policy.name() }))
    }

    /// The maximum number of previews in the namespace.
    pub(super) fn previews(&self) -> Option<Limit<'_, usize>> {
        self.lowest_enforced(rules::most_previews)
    }

    /// The maximum number of pods of a preview.
    pub(super) fn replicas(&self) -> Option<Limit<'_, i32>> {
        self.lowest_enforced(rules::most_replicas)
    }

    /// The maximum lifetime of a preview.
    pub(crate) fn max_ttl(&self) -> Option<Limit<'_, Duration>> {
        let max_ttl = |limits: &PreviewLimits| duration::parse(limits.max_ttl.as_deref()?).ok();
        Self::lowest(self.each().filter_map(|(policy, spec)| {
            Some(Limit { value: max_ttl(spec.limits.as_ref()?)?, policy })
        }))
    }

    /// The lifetime of a preview whose spec has none. It may exceed the maximum.
    pub(crate) fn default_ttl(&self) -> Option<Limit<'_, Duration>> {
        self.first(|spec| duration::parse(spec.limits.as_ref()?.default_ttl.as_deref()?).ok())
    }

    /// The first policy that does not allow routes of this type, with the types that it allows.
    pub(super) fn rejects_route(&self, type_: RouteType) -> Option<Limit<'_, &[RouteType]>> {
        self.rejects(|spec| rules::rejects_route(spec, type_))
    }

    /// The route type of a preview whose spec has none.
    pub(super) fn default_route(&self) -> Option<RouteType> {
        self.first(|spec| spec.routes.as_ref()?.default).map(|limit| limit.value)
    }

    /// The Gateways of an `HTTPRoute` whose spec has none.
    pub(super) fn gateways(&self) -> Option<&[GatewayRef]> {
        let gateways = self.first(|spec| {
            let gateways = &*spec.routes.as_ref()?.parent_refs;
            (!gateways.is_empty()).then_some(gateways)
        });
        gateways.map(|limit| limit.value)
    }

    /// The class of an Ingress whose spec has none.
    pub(super) fn ingress_class(&self) -> Option<&str> {
        self.first(|spec| spec.routes.as_ref()?.ingress_class_name.as_deref())
            .map(|limit| limit.value)
    }

    /// The first policy that does not allow this image, with the prefixes that it allows.
    pub(super) fn rejects_image(&self, image: &str) -> Option<Limit<'_, &[String]>> {
        self.rejects(|spec| rules::rejects_image(spec, image))
    }

    /// The first policy that does not allow this host, with the domains that it allows.
    pub(super) fn rejects_host(&self, host: &str) -> Option<Limit<'_, &[String]>> {
        self.rejects(|spec| rules::rejects_host(spec, host))
    }

    /// The namespaces that may connect to a preview: all that any policy lists. `None` if no policy
    /// has a list. Before an edit applies, the old list counts.
    pub(super) fn reachable_from(&self) -> Option<Vec<String>> {
        let specs = self.0.iter().filter_map(Applied::network);
        let lists = specs.filter_map(|spec| spec.network_policy.as_ref());
        let mut lists = lists.map(|network| &network.from_namespaces).peekable();
        lists.peek()?;
        Some(lists.flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use kubewright::kind::AnyObject;
    use operator_api::preview::PreviewPolicy;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{FakeCluster, namespace, view_of};

    /// A policy with this spec, which applies to all previews.
    pub(crate) fn policy(name: &str, spec: Value) -> StoredPolicy {
        PreviewPolicy::new(name, serde_json::from_value(spec).unwrap()).into()
    }

    fn world(policies: &[StoredPolicy]) -> FakeCluster {
        let namespaces = FakeCluster::empty()
            .with(namespace("shop", &[("team", "shop"), ("tier", "gold")]))
            .with(namespace("bare", &[]));
        policies.iter().fold(namespaces, |world, policy| world.with(policy.clone()))
    }

    fn selecting(namespace: &str, policies: &[StoredPolicy]) -> Policies {
        Policies::selecting(namespace, None, &view_of(&world(policies)))
    }

    #[test]
    fn a_policy_applies_to_the_namespaces_that_it_selects() {
        let with =
            |name: &str, selector: Value| policy(name, json!({ "namespaceSelector": selector }));
        let expression = |operator: &str, values: &[&str]| {
            let requirement = json!({ "key": "team", "operator": operator, "values": values });
            json!({ "matchExpressions": [requirement] })
        };
        let policies = [
            policy("all", json!({})),
            with("empty", json!({})),
            with("labels", json!({ "matchLabels": { "team": "shop", "tier": "gold" } })),
            with("other-labels", json!({ "matchLabels": { "team": "shop", "tier": "silver" } })),
            with("in", expression("In", &["search", "shop"])),
            with("not-in", expression("NotIn", &["shop"])),
            with("exists", expression("Exists", &[])),
            with("does-not-exist", expression("DoesNotExist", &[])),
        ];
        let names = |namespace| {
            selecting(namespace, &policies)
                .each()
                .map(|(name, _)| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("shop"), ["all", "empty", "exists", "in", "labels"]);
        assert_eq!(names("bare"), ["all", "does-not-exist", "empty", "not-in"]);
    }

    #[test]
    fn a_policy_wakes_only_previews_of_namespaces_with_a_label_that_it_requires() {
        let world = world(&[]);
        let lookups = |namespace| {
            let view = view_of(&world);
            let _ = Policies::selecting(namespace, None, &view);
            view.into_lookups()
        };
        let wakes = |namespace, selector: Value| {
            let policy: &dyn AnyObject = &policy("p", json!({ "namespaceSelector": selector }));
            lookups(namespace)
                .iter()
                .any(|lookup| lookup.kind.kind == "PreviewPolicy" && lookup.query.matches(policy))
        };
        let in_shop = json!({ "key": "team", "operator": "In", "values": ["a", "shop"] });
        let in_shop = json!({ "matchExpressions": [in_shop] });
        for selector in [json!({ "matchLabels": { "team": "shop" } }), in_shop] {
            assert!(wakes("shop", selector.clone()) && !wakes("bare", selector));
        }
        let exists = json!({ "matchExpressions": [{ "key": "team", "operator": "Exists" }] });
        assert!(wakes("shop", exists.clone()) && !wakes("bare", exists));
        assert!(wakes("shop", json!({})) && wakes("bare", json!({})));
    }

    #[test]
    fn the_strictest_limit_applies_and_the_first_default() {
        let policies = selecting(
            "shop",
            &[
                policy(
                    "b",
                    json!({ "limits": {
                        "previews": 3, "replicas": 1, "maxTtl": "48h", "defaultTtl": "1h",
                    } }),
                ),
                policy(
                    "a",
                    json!({ "limits": { "previews": 5, "maxTtl": "24h", "defaultTtl": "36h" } }),
                ),
                policy("c", json!({})),
            ],
        );
        assert_eq!(policies.previews(), Some(Limit { value: 3, policy: "b" }));
        assert_eq!(policies.replicas(), Some(Limit { value: 1, policy: "b" }));
        let hours = |hours| Some(Limit { value: Duration::from_hours(hours), policy: "a" });
        assert_eq!((policies.max_ttl(), policies.default_ttl()), (hours(24), hours(36)));
        assert_eq!(Policies::default().default_ttl(), None);
    }

    #[test]
    fn every_policy_must_allow_a_route_type_and_an_image() {
        let policies = selecting(
            "shop",
            &[
                policy(
                    "a",
                    json!({
                        "routes": { "types": ["HTTPRoute", "Ingress"] },
                        "imagePrefixes": ["a.example.com/", "b.example.com/x:"],
                    }),
                ),
                policy(
                    "b",
                    json!({ "routes": {
                        "types": ["Ingress"],
                        "default": "Ingress",
                        "parentRefs": [{ "name": "public" }],
                    } }),
                ),
            ],
        );
        assert_eq!(
            policies.rejects_route(RouteType::HttpRoute).map(|limit| limit.policy),
            Some("b")
        );
        assert_eq!(policies.rejects_route(RouteType::Mapping).map(|limit| limit.policy), Some("a"));
        assert_eq!(
            (policies.rejects_route(RouteType::Ingress), policies.rejects_route(RouteType::None)),
            (None, None)
        );
        assert_eq!(policies.rejects_image("a.example.com/team/app:1"), None);
        assert_eq!(
            policies.rejects_image("b.example.com/xy:1").map(|limit| limit.policy),
            Some("a")
        );
        assert_eq!(policies.default_route(), Some(RouteType::Ingress));
        assert_eq!(policies.gateways().map(|gateways| &*gateways[0].name), Some("public"));
    }

    #[test]
    fn a_preview_is_reachable_from_where_any_policy_says_and_from_everywhere_where_none_does() {
        let from =
            |namespaces: &[&str]| json!({ "networkPolicy": { "fromNamespaces": namespaces } });
        let both = selecting(
            "shop",
            &[
                policy("a", from(&["gateways", "b"])),
                policy("b", from(&["gateways", "a"])),
                policy("c", json!({})),
            ],
        );
        assert_eq!(
            both.reachable_from(),
            Some(vec!["a".to_owned(), "b".to_owned(), "gateways".to_owned()])
        );
        assert_eq!(selecting("shop", &[policy("c", json!({}))]).reachable_from(), None);
    }
}
