//! A `PreviewPolicy` as it is stored. Its spec may have values that cannot be read: an older
//! definition accepted them, or the definition was weakened. A limit that cannot be read must not
//! count as no limit.

use std::borrow::Cow;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::object::{HasSpec, HasStatus};
use kube::core::{ApiResource, ClusterResourceScope};
use kube::{CustomResourceExt, Resource};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::policy::{MOST_PREVIEWS, MOST_REPLICAS};
use super::selector::{LabelOperator, NamespaceSelector};
use super::{PreviewPolicy, PreviewPolicySpec, PreviewPolicyStatus};
use crate::duration::{self, DurationError};

/// A `PreviewPolicy` as it is stored.
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(from = "Wire", into = "Wire")]
pub struct StoredPolicy {
    /// The metadata.
    pub metadata: ObjectMeta,
    /// The spec, readable or not.
    pub spec: StoredSpec,
    /// The status.
    pub status: Option<PreviewPolicyStatus>,
    /// `status.enforced`.
    enforced: Option<StoredSpec>,
}

/// The fields of the object.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    api_version: Cow<'static, str>,
    #[serde(default)]
    kind: Cow<'static, str>,
    metadata: ObjectMeta,
    #[serde(default)]
    spec: StoredSpec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<PreviewPolicyStatus>,
}

impl From<Wire> for StoredPolicy {
    fn from(Wire { metadata, spec, status, .. }: Wire) -> Self {
        Self::new(metadata, spec, status)
    }
}

impl From<StoredPolicy> for Wire {
    fn from(StoredPolicy { metadata, spec, status, .. }: StoredPolicy) -> Self {
        let (api_version, kind) = (StoredPolicy::api_version(&()), StoredPolicy::kind(&()));
        Self { api_version, kind, metadata, spec, status }
    }
}

impl From<PreviewPolicy> for StoredPolicy {
    fn from(PreviewPolicy { metadata, spec, status }: PreviewPolicy) -> Self {
        Self::new(metadata, spec.into(), status)
    }
}

impl StoredPolicy {
    /// A policy with these parts.
    #[must_use]
    pub fn new(
        metadata: ObjectMeta,
        spec: StoredSpec,
        status: Option<PreviewPolicyStatus>,
    ) -> Self {
        let enforced = status.as_ref().and_then(|status| status.enforced.clone());
        Self { metadata, spec, status, enforced: enforced.map(StoredSpec::new) }
    }

    /// The spec that applies to all previews, if the status has one that can be read.
    #[must_use]
    pub fn enforced(&self) -> Option<&PreviewPolicySpec> {
        self.enforced.as_ref()?.parsed().ok()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }
}

/// The spec of a policy, readable or not.
#[derive(Clone, Debug)]
pub struct StoredSpec {
    json: Value,
    parsed: Result<PreviewPolicySpec, UnreadablePolicy>,
}

impl StoredSpec {
    /// Reads a spec.
    #[must_use]
    pub fn new(json: Value) -> Self {
        let parsed = parse(&json);
        Self { json, parsed }
    }

    /// The spec.
    ///
    /// # Errors
    /// The first value that cannot be read. No limit of such a spec is known.
    pub fn parsed(&self) -> Result<&PreviewPolicySpec, &UnreadablePolicy> {
        self.parsed.as_ref()
    }

    /// The spec as it is stored.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The namespaces that the policy is about, also if other fields cannot be read: `Ok(None)` for
    /// all.
    ///
    /// # Errors
    /// The selector cannot be read.
    pub fn selector(&self) -> Result<Option<NamespaceSelector>, UnreadablePolicy> {
        match &self.parsed {
            Ok(spec) => Ok(spec.namespace_selector.clone()),
            Err(_) => read(&self.json["namespaceSelector"]),
        }
    }
}

impl Default for StoredSpec {
    fn default() -> Self {
        PreviewPolicySpec::default().into()
    }
}

impl From<PreviewPolicySpec> for StoredSpec {
    fn from(spec: PreviewPolicySpec) -> Self {
        Self::new(serde_json::to_value(&spec).unwrap_or_default())
    }
}

impl PartialEq for StoredSpec {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Serialize for StoredSpec {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(to)
    }
}

impl<'de> Deserialize<'de> for StoredSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(Self::new)
    }
}

/// Why the spec of a policy cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadablePolicy {
    /// A value has another type than its field.
    #[error("a field has a value of another type: {0}")]
    Type(String),
    /// The program does not know a field.
    #[error("the field spec.{0} does not exist")]
    UnknownField(String),
    /// A list is empty that must not be.
    #[error("spec.{0} is an empty list, which says nothing")]
    EmptyList(&'static str),
    /// A number is out of range.
    #[error("spec.{field} is {value}, and must be between 0 and {most}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// Its value.
        value: i32,
        /// The largest value.
        most: i32,
    },
    /// A text is not a duration.
    #[error("spec.{field} is {value:?}: {error}")]
    Duration {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        error: DurationError,
    },
    /// A text has another form.
    #[error("spec.{field} has the item {value:?}, which is no {form}")]
    Form {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// The form that it must have.
        form: &'static str,
    },
}

fn read<T: serde::de::DeserializeOwned>(json: &Value) -> Result<T, UnreadablePolicy> {
    serde_json::from_value(json.clone()).map_err(|error| UnreadablePolicy::Type(error.to_string()))
}

/// Reads a spec, and checks all that its schema checks.
fn parse(json: &Value) -> Result<PreviewPolicySpec, UnreadablePolicy> {
    let spec: PreviewPolicySpec = read(json)?;
    let known = serde_json::to_value(&spec).unwrap_or_default();
    for field in ["domains", "imagePrefixes"] {
        if is_empty_list(&json[field]) {
            return Err(UnreadablePolicy::EmptyList(field));
        }
    }
    if is_empty_list(&json["routes"]["types"]) {
        return Err(UnreadablePolicy::EmptyList("routes.types"));
    }
    if let Some(field) = unknown_field(json, &known) {
        return Err(UnreadablePolicy::UnknownField(field));
    }
    check_limits(&spec)?;
    check_lists(&spec)?;
    check_texts(&spec)?;
    Ok(spec)
}

fn is_empty_list(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

/// The path of the first field that `known` does not have. A field of a later version may be a
/// limit.
fn unknown_field(stored: &Value, known: &Value) -> Option<String> {
    let fields = stored.as_object()?;
    fields.iter().find_map(|(name, value)| {
        if let (Value::Array(stored), Some(Value::Array(known))) = (value, known.get(name)) {
            let mut items = stored.iter().zip(known);
            let unknown = items.find_map(|(stored, known)| unknown_field(stored, known));
            return unknown.map(|rest| format!("{name}[].{rest}"));
        }
        let has_content = match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            _ => true,
        };
        match known.get(name) {
            None => has_content.then(|| name.clone()),
            Some(known) => unknown_field(value, known).map(|rest| format!("{name}.{rest}")),
        }
    })
}

fn check_limits(spec: &PreviewPolicySpec) -> Result<(), UnreadablePolicy> {
    let limits = spec.limits.clone().unwrap_or_default();
    for (field, value, most) in [
        ("limits.previews", limits.previews, MOST_PREVIEWS),
        ("limits.replicas", limits.replicas, MOST_REPLICAS),
    ] {
        if let Some(value) = value.filter(|value| !(0..=most).contains(value)) {
            return Err(UnreadablePolicy::OutOfRange { field, value, most });
        }
    }
    for (field, value) in [
        ("limits.maxTtl", limits.max_ttl),
        ("limits.defaultTtl", limits.default_ttl),
        ("gracePeriod", spec.grace_period.clone()),
    ] {
        let Some(value) = value else { continue };
        match duration::parse(&value) {
            Ok(_) => {}
            Err(DurationError::Zero) if field == "gracePeriod" => {}
            Err(error) => return Err(UnreadablePolicy::Duration { field, value, error }),
        }
    }
    Ok(())
}

fn check_lists(spec: &PreviewPolicySpec) -> Result<(), UnreadablePolicy> {
    if spec.network_policy.as_ref().is_some_and(|network| network.from_namespaces.is_empty()) {
        return Err(UnreadablePolicy::EmptyList("networkPolicy.fromNamespaces"));
    }
    let expressions = spec.namespace_selector.iter().flat_map(|it| &it.match_expressions);
    for requirement in expressions {
        let needs_values = matches!(requirement.operator, LabelOperator::In | LabelOperator::NotIn);
        if needs_values == requirement.values.is_empty() {
            let (field, value) = ("namespaceSelector.matchExpressions", requirement.key.clone());
            let form = "requirement: In and NotIn need values, Exists and DoesNotExist have none";
            return Err(UnreadablePolicy::Form { field, value, form });
        }
    }
    Ok(())
}

fn check_texts(spec: &PreviewPolicySpec) -> Result<(), UnreadablePolicy> {
    let network = spec.network_policy.iter().flat_map(|network| &network.from_namespaces);
    let each = (spec.domains.iter().map(|value| ("domains", value, is_domain(value), "host")))
        .chain(spec.image_prefixes.iter().map(|value| {
            ("imagePrefixes", value, is_prefix(value), "prefix that ends with /, : or @")
        }))
        .chain(network.map(|value| {
            ("networkPolicy.fromNamespaces", value, is_label(value), "name of a namespace")
        }));
    for (field, value, is_valid, form) in each {
        if !is_valid {
            return Err(UnreadablePolicy::Form { field, value: value.clone(), form });
        }
    }
    Ok(())
}

fn is_domain(text: &str) -> bool {
    text == "*" || text.strip_prefix("*.").unwrap_or(text).split('.').all(is_label)
}

fn is_prefix(text: &str) -> bool {
    !text.contains(char::is_whitespace) && text.ends_with(['/', ':', '@'])
}

/// Whether a text is a DNS label, of any length.
fn is_label(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_alphanumeric)
        && text.ends_with(is_alphanumeric)
        && text.chars().all(|c| is_alphanumeric(c) || c == '-')
}

impl Resource for StoredPolicy {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        PreviewPolicy::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        PreviewPolicy::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        PreviewPolicy::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        PreviewPolicy::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl HasSpec for StoredPolicy {
    type Spec = StoredSpec;

    fn spec(&self) -> &StoredSpec {
        &self.spec
    }

    fn spec_mut(&mut self) -> &mut StoredSpec {
        &mut self.spec
    }
}

impl HasStatus for StoredPolicy {
    type Status = PreviewPolicyStatus;

    fn status(&self) -> Option<&PreviewPolicyStatus> {
        self.status.as_ref()
    }

    fn status_mut(&mut self) -> &mut Option<PreviewPolicyStatus> {
        &mut self.status
    }
}

impl CustomResourceExt for StoredPolicy {
    fn crd() -> CustomResourceDefinition {
        PreviewPolicy::crd()
    }

    fn crd_name() -> &'static str {
        PreviewPolicy::crd_name()
    }

    fn api_resource() -> ApiResource {
        PreviewPolicy::api_resource()
    }

    fn shortnames() -> &'static [&'static str] {
        PreviewPolicy::shortnames()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn problem(spec: Value) -> String {
        StoredSpec::new(spec).parsed().map_or_else(ToString::to_string, |_| "readable".to_owned())
    }

    #[test]
    fn a_spec_that_a_weaker_definition_accepted_is_not_readable() {
        for (spec, message) in [
            (
                json!({ "limits": { "maxTtl": "7x" } }),
                "spec.limits.maxTtl is \"7x\": the unit \"x\" does not exist: write h for hours, m \
                 for minutes, s for seconds or ms for milliseconds",
            ),
            (
                json!({ "imagePrefixes": ["a b"] }),
                "spec.imagePrefixes has the item \"a b\", which is no prefix that ends with /, : \
                 or @",
            ),
            (
                json!({ "imagePrefixes": [] }),
                "spec.imagePrefixes is an empty list, which says nothing",
            ),
            (
                json!({ "routes": { "types": [] } }),
                "spec.routes.types is an empty list, which says nothing",
            ),
            (
                json!({ "domains": ["https://a.com"] }),
                "spec.domains has the item \"https://a.com\", which is no host",
            ),
            (
                json!({ "networkPolicy": { "fromNamespaces": ["A"] } }),
                "spec.networkPolicy.fromNamespaces has the item \"A\", which is no name of a \
                 namespace",
            ),
            (
                json!({ "limits": { "previews": -1 } }),
                "spec.limits.previews is -1, and must be between 0 and 1000",
            ),
            (
                json!({ "networkPolicy": { "fromNamespaces": [] } }),
                "spec.networkPolicy.fromNamespaces is an empty list, which says nothing",
            ),
            (
                json!({ "namespaceSelector": { "matchExpressions": [
                    { "key": "team", "operator": "In", "values": [] },
                ] } }),
                "spec.namespaceSelector.matchExpressions has the item \"team\", which is no \
                 requirement: In and NotIn need values, Exists and DoesNotExist have none",
            ),
            (
                json!({ "routes": { "parentRefs": [{ "name": "a", "port": 80 }] } }),
                "the field spec.routes.parentRefs[].port does not exist",
            ),
            (json!({ "imagePrefix": ["a/"] }), "the field spec.imagePrefix does not exist"),
            (json!({ "limits": { "pods": 3 } }), "the field spec.limits.pods does not exist"),
            (
                json!({ "gracePeriod": "1d" }),
                "spec.gracePeriod is \"1d\": the unit d is not \
              supported: write 24h",
            ),
        ] {
            assert_eq!(problem(spec), message);
        }
        let type_ = problem(json!({ "limits": { "previews": "3" } }));
        assert!(type_.starts_with("a field has a value of another type: "), "{type_}");
    }

    #[test]
    fn a_spec_that_the_definition_accepts_is_readable() {
        for spec in [
            json!({}),
            json!({ "limits": {}, "namespaceSelector": { "matchExpressions": [] } }),
            json!({ "limits": null, "gracePeriod": "0s", "domains": ["*", "*.a.com", "a.com"] }),
            json!({ "imagePrefixes": ["a/", "a:", "a:5000/b@"] }),
        ] {
            assert_eq!(problem(spec.clone()), "readable", "{spec}");
        }
    }

    #[test]
    fn the_selector_counts_also_if_another_field_cannot_be_read() {
        let selector = |value: Value| {
            let spec = json!({ "namespaceSelector": value, "limits": { "maxTtl": "7x" } });
            StoredSpec::new(spec).selector()
        };
        let shop = selector(json!({ "matchLabels": { "team": "shop" } })).unwrap().unwrap();
        assert_eq!(shop.match_labels["team"], "shop");
        assert_eq!(selector(Value::Null), Ok(None));
        assert!(selector(json!("shop")).is_err());
    }

    #[test]
    fn a_policy_is_written_as_it_was_read() {
        let json = json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewPolicy",
            "metadata": { "name": "p" }, "spec": { "limits": { "maxTtl": "7x" } },
            "status": { "enforced": { "limits": { "maxTtl": "7h" } } },
        });
        let policy: StoredPolicy = serde_json::from_value(json.clone()).unwrap();
        let enforced = policy.enforced().and_then(|spec| spec.limits.clone());
        assert_eq!(enforced.and_then(|limits| limits.max_ttl).as_deref(), Some("7h"));
        assert_eq!(serde_json::to_value(&policy).unwrap(), json);
    }
}
