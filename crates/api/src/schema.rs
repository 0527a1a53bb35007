//! Schemas that several resources share: optional fields, names, images, compute resources.

use kube::core::Rule;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

/// The maximum length of an image reference: 255 characters of name, 128 of tag and 71 of
/// `@sha256:...` fit.
pub(crate) const IMAGE_LENGTH: u32 = 512;

/// An image reference: an optional registry with a port, a repository in lower case, a tag, a
/// digest.
const IMAGE: &str = concat!(
    r"^(([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*",
    r"|\[[0-9A-Fa-f:]+\])(:[0-9]+)?/)?",
    r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*)*",
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?",
    r"(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,})?$",
);

/// A DNS subdomain, the form of most object names of Kubernetes.
const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// The maximum length of a DNS subdomain.
pub(crate) const OBJECT_NAME_LENGTH: u32 = 253;

/// A quantity of cpu, memory and so on. It may be a number without a unit.
const QUANTITY: &str = "isQuantity(string(self)) && !string(self).startsWith('-')";
/// No request exceeds its limit. Otherwise the API server would reject the pods, long after it
/// accepted the resource. Another rule rejects texts that are not quantities.
const REQUESTS_WITHIN_LIMITS: &str = "!has(self.requests) || !has(self.limits) \
    || self.requests.all(name, !(name in self.limits) \
    || !isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name])) \
    || quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)";
/// The maximum number of resources (cpu, memory, a GPU). The API server limits the cost of rules,
/// and computes the cost from such bounds.
const RESOURCE_KINDS: u32 = 16;
/// The maximum length of a quantity, for the same reason.
const QUANTITY_LENGTH: u32 = 64;

/// Quotes a regular expression as a CEL string.
pub(crate) fn cel_string(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Rejects names that no Service can have: the name of a Service starts with a letter (RFC 1035).
/// Long names and names with dots are accepted; the names of children are shortened with a hash.
pub(crate) fn name_rule() -> Rule {
    Rule::new("self.metadata.name.matches('^[a-z]')").message(
        "metadata.name must start with a letter, because the Service has this name: write for \
         example web-1 instead of 1-web",
    )
}

/// Rejects references that no container runtime can pull.
pub(crate) fn image_rule() -> Rule {
    Rule::new(format!("self.matches({})", cel_string(IMAGE))).message(
        "write an image reference like registry.example.com/team/app:1.2.3: the repository in \
         lower case, no https://, no spaces",
    )
}

/// Characters that a terminal may execute (C0 and C1), that end a line, or that change the
/// direction of the text around them, as part of a character class.
pub(crate) const CONTROL: &str = concat!(
    r"\x00-\x1f\x7f-\x{9f}",
    r"\x{061c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}",
);

/// Rejects control characters in a text that is shown to people.
pub(crate) fn no_control() -> Rule {
    Rule::new(format!("!self.matches({})", cel_string(&format!("[{CONTROL}]")))).message(
        "write one line of text: no line breaks, tabs, control characters or characters that \
         change the direction of text",
    )
}

/// The message for a name that no object can have.
const OBJECT_NAME_MESSAGE: &str = "write the name as kubectl get shows it: a to z, 0 to 9, hyphens \
                                   and dots, with a letter or digit at both ends";

/// Rejects names that no object can have.
pub(crate) fn object_name_rule() -> Rule {
    Rule::new(format!("self.matches({})", cel_string(OBJECT_NAME))).message(OBJECT_NAME_MESSAGE)
}

/// The schema of an object name: a DNS subdomain.
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

/// Reads a null as an absent field, as the API server does. For fields that are not `Option`s.
pub(crate) fn null_is_absent<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The schema transform of every struct of a resource.
///
/// - An optional field may be absent, but not null. For a null the API server then sets the
///   default; a field that may be null would keep the null, and every CEL rule would have to handle
///   it.
/// - A paragraph of a description is one line.
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
    // The schema of an optional enum is `anyOf: [the enum, null]`.
    if let Some(Value::Array(alternatives)) = property.remove("anyOf") {
        for (key, value) in alternatives.into_iter().filter_map(not_null).flatten() {
            // The description of the field has precedence over that of its type.
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

/// CPU, memory and other resources of a container. Without `claims`: no resource here has resource
/// claims.
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
                    "message": "write a quantity like 500m, 2, 128Mi or 1Gi: a number that is not \
                                negative, and a unit without a space",
                }],
            },
        })
    };
    json_schema!({
        "type": "object",
        "x-kubernetes-validations": [{
            "rule": REQUESTS_WITHIN_LIMITS,
            "message": "a request is higher than the limit of the same resource: lower the \
                        request, or raise the limit",
        }],
        "properties": {
            "limits": quantities(
                "The maximum that a container may use, by resource: cpu in cores (500m is half a \
                 core), memory in bytes (128Mi). A container that uses more memory is restarted; \
                 a container that uses more cpu is slowed down."
            ),
            "requests": quantities(
                "The amount that the node reserves for a container, by resource, in the same units \
                 as limits. A request that is left out is equal to its limit."
            ),
        },
    })
}
