//! Pieces of schema that several resources share: optional fields, names, images, compute
//! resources. The schema of one field of one resource stays beside that field.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

/// The longest image reference that we take: 255 characters of name, 128 of tag and 71 of
/// `@sha256:...` fit.
pub(crate) const IMAGE_LENGTH: u32 = 512;

/// The grammar of an image reference: an optional registry with a port, a lower-case repository, a
/// tag, a digest.
const IMAGE: &str = concat!(
    r"^(([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(:[0-9]+)?/)?",
    r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*)*",
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?",
    r"(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,})?$",
);

/// A subdomain of DNS, as most objects of Kubernetes are named.
const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// The longest one.
pub(crate) const OBJECT_NAME_LENGTH: u32 = 253;

/// A quantity of cpu, memory and so on, which may be a plain number, too.
const QUANTITY: &str = "isQuantity(string(self)) && !string(self).startsWith('-')";
/// Pods that ask for more than they may use are refused, but long after the resource was taken.
/// What is no quantity has a rule of its own.
const REQUESTS_WITHIN_LIMITS: &str = "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) \
     || !isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name])) \
     || quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)";
/// How many different resources (cpu, memory, a GPU) may be listed, and how long a quantity may be.
/// The API server takes the rules above only where such bounds keep what they may cost under its
/// budget.
const RESOURCE_KINDS: u32 = 16;
/// See [`RESOURCE_KINDS`].
const QUANTITY_LENGTH: u32 = 64;

/// Quotes a regular expression as a CEL string.
pub(crate) fn cel_string(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Refuses names that no Service can be named after.
///
/// Too long or with dots is not among them: names of children are cut and cleaned, and marked with
/// a hash. But a Service's name is a DNS label of RFC 1035, and nothing can be left of `1-web` that
/// is recognisably its name and begins with a letter.
pub(crate) fn name_rule() -> Rule {
    Rule::new("self.metadata.name.matches('^[a-z]')").message(
        "metadata.name has to begin with a letter, because the Service is named after it: write for example web-1 rather than 1-web",
    )
}

/// Refuses what no container runtime could pull.
pub(crate) fn image_rule() -> Rule {
    Rule::new(format!("self.matches({})", cel_string(IMAGE))).message(
        "write an image reference like registry.example.com/team/app:1.2.3: the repository in lower case, no https://, no spaces",
    )
}

/// What is said about a name that no object can have.
const OBJECT_NAME_MESSAGE: &str = "write the name as kubectl get shows it: a to z, 0 to 9, hyphens and dots, with a letter or digit at both ends";

/// Refuses what no object can be named.
pub(crate) fn object_name_rule() -> Rule {
    Rule::new(format!("self.matches({})", cel_string(OBJECT_NAME))).message(OBJECT_NAME_MESSAGE)
}

/// The schema of the name of a `ConfigMap`, Secret and so on: a subdomain of DNS.
pub(crate) fn object_name(description: &str) -> Value {
    json!({
        "description": description,
        "type": "string",
        "minLength": 1,
        "maxLength": OBJECT_NAME_LENGTH,
        "x-kubernetes-validations": [{
            "rule": format!("self.matches({})", cel_string(OBJECT_NAME)),
            "message": OBJECT_NAME_MESSAGE,
        }],
    })
}

/// Reads a null as a field that is left out, as the API server does: for fields that are no
/// `Option`s.
pub(crate) fn null_is_absent<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// What every struct of a resource does to its schema: `#[schemars(transform =
/// schema::kubernetes_style)]`.
///
/// - "Optional" means that a field may be absent, not that it may be null. The API server then
///   fills in the default for a null, and drops a null without a default (or refuses it, in a
///   server-side apply). A field that may be null would keep the null instead of its default, and
///   every CEL rule would have to look out for it.
/// - A description is one line for each paragraph: the line breaks of the Rust source mean nothing
///   to its readers.
pub(crate) fn kubernetes_style(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    join_lines(object);
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    for property in
        properties.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut)
    {
        absent_not_null(property);
        join_lines(property);
    }
}

fn absent_not_null(property: &mut Map<String, Value>) {
    // An optional enum comes as `anyOf: [the enum, null]`.
    if let Some(Value::Array(alternatives)) = property.remove("anyOf") {
        for (key, value) in alternatives.into_iter().filter_map(not_null).flatten() {
            // What the field says goes before what its type says: the description, above all.
            property.entry(key).or_insert(value);
        }
    }
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            property.insert("type".into(), only);
        }
    }
}

fn not_null(alternative: Value) -> Option<Map<String, Value>> {
    match alternative {
        Value::Object(schema) if schema.get("type").is_none_or(|name| name != "null") => {
            Some(schema)
        }
        _ => None,
    }
}

fn join_lines(schema: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        let paragraphs: Vec<String> =
            description.split("\n\n").map(|lines| lines.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
}

/// CPU, memory and other resources of a container, without `claims`: those name resource claims of
/// a pod, which no resource here lets anybody declare.
pub(crate) fn container_resources(_: &mut SchemaGenerator) -> Schema {
    let quantities = |description: &str| {
        json!({
            "description": description,
            "type": "object",
            "maxProperties": RESOURCE_KINDS,
            "additionalProperties": {
                "maxLength": QUANTITY_LENGTH,
                "x-kubernetes-int-or-string": true,
                "x-kubernetes-validations": [{
                    "rule": QUANTITY,
                    "message": "write a quantity like 500m, 2, 128Mi or 1Gi: a number that is not negative, and a unit without a space",
                }],
            },
        })
    };
    json_schema!({
        "type": "object",
        "x-kubernetes-validations": [{
            "rule": REQUESTS_WITHIN_LIMITS,
            "message": "a request is higher than the limit of the same resource: lower it, or raise the limit",
        }],
        "properties": {
            "limits": quantities(
                "The most that a container may use, by resource: cpu in cores (500m is half a core), memory in bytes (128Mi). \
                 A container that uses more memory is ended and started again; more cpu, and it is slowed down."
            ),
            "requests": quantities(
                "What is set aside for a container on its node, by resource, in the same units as limits. \
                 What is left out is as high as its limit."
            ),
        },
    })
}
