//! Which namespaces are meant, by their labels: the selector of Kubernetes, with its own names.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{self, cel_string};

/// The name of a label, with or without a domain before it.
const KEY: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/// The value of a label.
const VALUE: &str = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
/// A requirement that no namespace can meet, or each, is a policy that is off, or for all, and
/// nobody is told.
const KEY_MESSAGE: &str =
    "write the name of a label as namespaces have it, like team or example.com/team";
const VALUE_MESSAGE: &str = "write the value of a label as namespaces have it: letters, digits, -, _ and dots, with a letter or digit at both ends";

/// That `what` is of this form for each item of a list, or for each key of a map.
fn each(what: &str, pattern: &str) -> String {
    format!("self.all(key, {what}.matches({}))", cel_string(pattern))
}

/// Namespaces by their labels: those for which all of it holds.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct NamespaceSelector {
    /// Labels and the value that each has, up to 16. Example: {team: shop}
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = serde_json::json!({ "type": "string", "maxLength": 63 })))]
    #[x_kube(validation = Rule::new(each("key", KEY)).message(KEY_MESSAGE), validation = Rule::new(each("self[key]", VALUE)).message(VALUE_MESSAGE))]
    pub match_labels: BTreeMap<String, String>,

    /// What else has to hold for the labels, up to 16. Example: [{key: team, operator: In, values:
    /// [shop, search]}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub match_expressions: Vec<LabelRequirement>,
}

/// What has to hold for one label.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)")
    .message("In and NotIn have values, Exists and DoesNotExist have none"))]
pub struct LabelRequirement {
    /// The label, up to 317 characters. Example: team
    #[schemars(length(min = 1, max = 317))]
    #[x_kube(validation = Rule::new(format!("self.matches({})", cel_string(KEY))).message(KEY_MESSAGE))]
    pub key: String,

    /// In: its value is one of the values. NotIn: it is not, or there is no such label. Exists and
    /// DoesNotExist: whether there is such a label. Example: In
    pub operator: LabelOperator,

    /// The values of In and NotIn, up to 32 of up to 63 characters. Example: [shop, search]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 32), inner(length(max = 63)), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = Rule::new(each("key", VALUE)).message(VALUE_MESSAGE))]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelOperator {
    /// Its value is one of these.
    In,
    /// Its value is none of these, or it is not there.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl NamespaceSelector {
    /// Whether a namespace with these labels is meant.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(has)
            && self.match_expressions.iter().all(|requirement| requirement.holds(labels))
    }
}

impl LabelRequirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
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
    fn a_namespace_is_meant_for_which_all_holds_as_kubernetes_has_it() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let shop: BTreeMap<String, String> = labels(&[("team", "shop"), ("tier", "gold")]);
        let bare: BTreeMap<String, String> = labels(&[("team", "shop")]);
        assert!(NamespaceSelector::default().matches(&BTreeMap::new()), "nothing is asked for");
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
