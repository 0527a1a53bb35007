//! A label selector for namespaces, with the field names of Kubernetes.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{self, cel_string};

/// A label key, with or without a domain.
const KEY: &str = concat!(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?",
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
);
/// A label value.
const VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
/// The message for a key that no label can have. Without the rule, a mistake would select no
/// namespace, or all.
const KEY_MESSAGE: &str = "write a label key, like team or example.com/team";
/// The message for a value that no label can have.
const VALUE_MESSAGE: &str = "write a label value: letters, digits, -, _ and dots, with a letter or \
                             digit at both ends";

/// The rule that `what` has this form, for each item of a list or each key of a map.
fn each(what: &str, pattern: &str) -> String {
    format!("self.all(key, {what}.matches({}))", cel_string(pattern))
}

/// Selects the namespaces whose labels meet all requirements.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct NamespaceSelector {
    /// Labels and their values, up to 16. Example: {team: shop}
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(extend(
        "maxProperties" = 16,
        "additionalProperties" = serde_json::json!({ "type": "string", "maxLength": 63 })
    ))]
    #[x_kube(
        validation = Rule::new(each("key", KEY)).message(KEY_MESSAGE),
        validation = Rule::new(each("self[key]", VALUE)).message(VALUE_MESSAGE)
    )]
    pub match_labels: BTreeMap<String, String>,

    /// More requirements for labels, up to 16. Example: [{key: team, operator: In, values: [shop,
    /// search]}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Vec<LabelRequirement>,
}

/// A requirement for one label.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new(
        "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)"
    )
    .message("write values for In and NotIn, and no values for Exists and DoesNotExist"))]
pub struct LabelRequirement {
    /// The label key, up to 317 characters. Example: team
    #[schemars(length(min = 1, max = 317))]
    #[x_kube(validation = Rule::new(format!("self.matches({})", cel_string(KEY)))
        .message(KEY_MESSAGE))]
    pub key: String,

    /// In: the label has one of the values. NotIn: the label has another value or does not exist.
    /// Exists: the label exists. DoesNotExist: the label does not exist. Example: In
    pub operator: LabelOperator,

    /// The values of In and NotIn, up to 32 of up to 63 characters. Example: [shop, search]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(
        length(max = 32),
        inner(length(max = 63)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    #[x_kube(validation = Rule::new(each("key", VALUE)).message(VALUE_MESSAGE))]
    pub values: Vec<String>,
}

/// The operator of a requirement.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelOperator {
    /// The label has one of the values.
    In,
    /// The label has another value, or does not exist.
    NotIn,
    /// The label exists.
    Exists,
    /// The label does not exist.
    DoesNotExist,
}

impl NamespaceSelector {
    /// Whether a namespace with these labels is selected.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(has)
            && self.match_expressions.iter().all(|requirement| requirement.is_met(labels))
    }
}

impl LabelRequirement {
    fn is_met(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let is_among = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            LabelOperator::In => is_among,
            LabelOperator::NotIn => !is_among,
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(expressions: &[(&str, LabelOperator, &[&str])]) -> NamespaceSelector {
        let expression =
            |(key, operator, values): &(&str, LabelOperator, &[&str])| LabelRequirement {
                key: (*key).to_owned(),
                operator: *operator,
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            };
        NamespaceSelector {
            match_labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
            match_expressions: expressions.iter().map(expression).collect(),
        }
    }

    #[test]
    fn a_namespace_is_selected_if_it_meets_all_requirements_as_in_kubernetes() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let shop: BTreeMap<String, String> = labels(&[("team", "shop"), ("tier", "gold")]);
        let bare: BTreeMap<String, String> = labels(&[("team", "shop")]);
        assert!(NamespaceSelector::default().matches(&BTreeMap::new()), "there is no requirement");
        assert!(
            selector(&[]).matches(&bare) && !selector(&[]).matches(&labels(&[("team", "other")]))
        );
        for (expression, of_gold, of_none) in [
            (("tier", LabelOperator::In, &["gold", "x"][..]), true, false),
            (("tier", LabelOperator::In, &["silver"]), false, false),
            (("tier", LabelOperator::NotIn, &["gold"]), false, true),
            (("tier", LabelOperator::NotIn, &["silver"]), true, true),
            (("tier", LabelOperator::Exists, &[]), true, false),
            (("tier", LabelOperator::DoesNotExist, &[]), false, true),
        ] {
            let selector = selector(&[expression]);
            assert_eq!(
                (selector.matches(&shop), selector.matches(&bare)),
                (of_gold, of_none),
                "{expression:?}"
            );
        }
    }
}
