//! The schemas of command, arguments and environment of a program.
//!
//! The Rust types are those of k8s-openapi, but their schemas are not used: they have no rules
//! about names and sources, so that mistakes would show in the pods only, and no bounds, which CEL
//! rules need.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::schema::{self, cel_string};

/// The maximum number of arguments. A script in the image can have more.
const MOST_ARGUMENTS: u32 = 64;
/// The maximum length of an argument.
const ARGUMENT_LENGTH: u32 = 4096;
/// The maximum number of variables. `envFrom` can add more.
const MOST_VARIABLES: u32 = 128;
/// The maximum length of a value.
const VALUE_LENGTH: u32 = 8192;
/// The maximum length of a variable name, a key and a prefix: that of keys in Kubernetes.
const NAME_LENGTH: u32 = 253;
/// The maximum number of items of `envFrom`.
const MOST_SOURCES: u32 = 16;

/// The name of a variable, in every supported version of Kubernetes.
const VARIABLE: &str = "^[A-Za-z_][-._A-Za-z0-9]*$";
/// The prefix of a variable name.
const PREFIX: &str = "^([A-Za-z_][-._A-Za-z0-9]*)?$";
/// A key of a `ConfigMap` or Secret.
const KEY: &str = "^[-._A-Za-z0-9]+$";
/// A field of the pod that a variable can have as its value.
const FIELD: &str = concat!(
    r"^(metadata\.(name|namespace|uid)|metadata\.(labels|annotations)\['[^']+'\]",
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIP|hostIPs|podIP|podIPs))$",
);
/// A resource of the container that a variable can have as its value.
const RESOURCE: &str =
    r"^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-[0-9A-Za-z]+)$";

/// The units of a resource.
const DIVISORS: [&str; 14] =
    ["1m", "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// The schema of `command`.
pub(super) fn command(_: &mut SchemaGenerator) -> Schema {
    arguments(1)
}

/// The schema of `args`.
pub(super) fn args(_: &mut SchemaGenerator) -> Schema {
    arguments(0)
}

fn arguments(shortest: u32) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MOST_ARGUMENTS,
        "x-kubernetes-list-type": "atomic",
        "items": {
            "type": "string",
            "minLength": shortest,
            "maxLength": ARGUMENT_LENGTH,
            "x-kubernetes-validations": [no_nul()],
        },
    })
}

/// NUL ends an argument and a variable, so none can contain it.
fn no_nul() -> Value {
    json!({
        "rule": format!("!self.matches({})", cel_string(r"\x00")),
        "message": "remove the NUL character (\\u0000): no argument or variable can contain it",
    })
}

fn rule(rule: impl Into<String>, message: &str) -> Value {
    json!({ "rule": rule.into(), "message": message })
}

fn text(description: &str, longest: u32, pattern: &str, message: &str) -> Value {
    json!({
        "description": description,
        "type": "string",
        "maxLength": longest,
        "x-kubernetes-validations": [
            rule(format!("self.matches({})", cel_string(pattern)), message),
        ],
    })
}

/// The schema of `env`.
pub(super) fn env(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MOST_VARIABLES,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "x-kubernetes-validations": [rule(
                "!has(self.value) || !has(self.valueFrom)",
                "write value or valueFrom, not both",
            )],
            "properties": {
                "name": text(
                    "The name of the variable: letters, digits, _, - and dots, up to 253 \
                     characters, not starting with a digit; each name once. Example: LOG_LEVEL",
                    NAME_LENGTH,
                    VARIABLE,
                    "write a name like LOG_LEVEL: letters, digits, _, - and dots, starting with a \
                     letter or _",
                ),
                "value": {
                    "description": "The value, up to 8192 characters. Quote numbers and booleans: \
                                    \"8080\". $(NAME) is replaced with the value of an earlier \
                                    variable, and $$ with $. Example: debug",
                    "type": "string",
                    "maxLength": VALUE_LENGTH,
                    "x-kubernetes-validations": [no_nul()],
                },
                "valueFrom": value_from(),
            },
        },
    })
}

fn value_from() -> Value {
    json!({
        "description": "The source of the value: exactly one of secretKeyRef, configMapKeyRef, \
                        fieldRef, resourceFieldRef. Example: {secretKeyRef: {name: database, \
                        key: password}}",
        "type": "object",
        "x-kubernetes-validations": [rule(
            "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef), \
             has(self.resourceFieldRef)].exists_one(one, one)",
            "write exactly one of secretKeyRef, configMapKeyRef, fieldRef and resourceFieldRef",
        )],
        "properties": {
            "secretKeyRef": key_of("Secret", "database", "password"),
            "configMapKeyRef": key_of("ConfigMap", "settings", "log-level"),
            "fieldRef": {
                "description": "A field of the pod itself. Example: {fieldPath: status.podIP}",
                "type": "object",
                "required": ["fieldPath"],
                "properties": { "fieldPath": text(
                    "The path of the field: metadata.name, metadata.namespace, metadata.uid, \
                     metadata.labels['KEY'], metadata.annotations['KEY'], spec.nodeName, \
                     spec.serviceAccountName, status.hostIP, status.hostIPs, status.podIP or \
                     status.podIPs. Example: metadata.name",
                    512,
                    FIELD,
                    "write the path of a supported field, like metadata.name, \
                     metadata.labels['KEY'] or status.podIP",
                ) },
            },
            "resourceFieldRef": {
                "description": "A limit or request of the container. Example: {resource: \
                                limits.memory, divisor: 1Mi}",
                "type": "object",
                "required": ["resource"],
                "properties": {
                    "resource": text(
                        "The resource: limits or requests, a dot, and cpu, memory, \
                         ephemeral-storage or hugepages-SIZE. Example: limits.memory",
                        NAME_LENGTH,
                        RESOURCE,
                        "write limits or requests, a dot and the resource, like limits.memory or \
                         requests.cpu",
                    ),
                    "divisor": {
                        "description": "The unit of the value: 1 (a core or a byte, the default), \
                                        for cpu also 1m, for the others 1k to 1E and 1Ki to 1Ei. \
                                        Quote a number without letters. Example: 1Mi",
                        "type": "string",
                        "enum": DIVISORS,
                    },
                },
            },
        },
    })
}

fn key_of(kind: &str, name: &str, key: &str) -> Value {
    json!({
        "description": format!(
            "A key of a {kind} in the namespace of the preview. Example: {{name: {name}, key: \
             {key}}}"
        ),
        "type": "object",
        "required": ["name", "key"],
        "properties": {
            "name": schema::object_name(&format!("The name of the {kind}. Example: {name}")),
            "key": text(
                &format!("The key, up to 253 characters. Example: {key}"),
                NAME_LENGTH,
                KEY,
                "write a key: letters, digits, -, _ and dots",
            ),
            "optional": optional(),
        },
    })
}

fn optional() -> Value {
    json!({
        "description": "Whether the pods also start if it does not exist. By default they wait for \
                        it. Example: true",
        "type": "boolean",
    })
}

/// The schema of `envFrom`.
pub(super) fn env_from(_: &mut SchemaGenerator) -> Schema {
    let all_of = |kind: &str, name: &str| {
        json!({
            "description": format!(
                "A {kind} in the namespace of the preview; each key becomes a variable. Example: \
                 {{name: {name}}}"
            ),
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": schema::object_name(&format!("The name of the {kind}. Example: {name}")),
                "optional": optional(),
            },
        })
    };
    json_schema!({
        "type": "array",
        "maxItems": MOST_SOURCES,
        "x-kubernetes-list-type": "atomic",
        "items": {
            "type": "object",
            "x-kubernetes-validations": [rule(
                "has(self.secretRef) != has(self.configMapRef)",
                "write exactly one of secretRef and configMapRef in each item of the list",
            )],
            "properties": {
                "prefix": text(
                    "The prefix of each variable name, up to 253 characters; by default none. \
                     Example: DB_",
                    NAME_LENGTH,
                    PREFIX,
                    "write a prefix like DB_: letters, digits, _, - and dots, starting with a \
                     letter or _",
                ),
                "secretRef": all_of("Secret", "database"),
                "configMapRef": all_of("ConfigMap", "settings"),
            },
        },
    })
}
