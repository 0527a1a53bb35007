//! Type, bounds and rules of a value, from its schema. Unknown keywords are shown as JSON.

use serde_json::Value;

use super::markdown::{code, inline};
use crate::description;

/// Keywords that appear elsewhere: in the section of a field, in its type, or with another keyword.
const HANDLED: [&str; 24] = [
    "type",
    "minimum",
    "minLength",
    "minItems",
    "minProperties",
    "format",
    "nullable",
    "description",
    "example",
    "default",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "maximum",
    "maxLength",
    "maxItems",
    "maxProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-validations",
];

/// Schema of the items of a list.
pub(super) fn items(schema: &Value) -> Option<&Value> {
    schema.get("items").filter(|items| items.is_object())
}

/// Schema of the values of a map.
pub(super) fn values(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|values| values.is_object())
}

fn is_true(schema: &Value, keyword: &str) -> bool {
    schema[keyword] == true
}

/// Type of a value as text: `list of string`.
pub(super) fn type_of(schema: &Value) -> String {
    let text = |keyword: &str| schema[keyword].as_str();
    let mut name = if is_true(schema, "x-kubernetes-int-or-string") {
        "integer or string".to_owned()
    } else if let Some(items) = items(schema) {
        format!("list of {}", type_of(items))
    } else if let Some(values) = values(schema) {
        format!("map of {}", type_of(values))
    } else if is_true(schema, "x-kubernetes-embedded-resource") {
        "Kubernetes object with apiVersion and kind".to_owned()
    } else {
        match (text("type"), schema.get("additionalProperties")) {
            (Some("object"), Some(Value::Bool(true))) => "map of any value".to_owned(),
            (Some("array"), _) => "list of any value".to_owned(),
            (Some(name), _) => name.to_owned(),
            (None, _) => "any value".to_owned(),
        }
    };
    if let Some(format) = text("format") {
        name = format!("{name} ({format})");
    }
    if is_true(schema, "nullable") { name + " or null" } else { name }
}

/// A value as YAML in code: strings without quotes, other values as JSON.
pub(super) fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => code(text),
        other => code(&other.to_string()),
    }
}

/// Bounds and rules of a value, one line of Markdown each, then those of its items and map values.
pub(super) fn constraints(schema: &Value) -> Vec<String> {
    let mut lines: Vec<String> = bounds(schema).into_iter().collect();
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        lines.extend(constraint(schema, keyword, value));
    }
    let rules = schema["x-kubernetes-validations"].as_array();
    lines.extend(rules.into_iter().flatten().map(rule));
    for (inner, name) in [(items(schema), "item"), (values(schema), "value")] {
        let Some(inner) = inner else { continue };
        let text = description::text(inner["description"].as_str().unwrap_or_default());
        let about = (!text.is_empty()).then(|| inline(&text));
        lines.extend(
            about.into_iter().chain(constraints(inner)).map(|line| format!("Each {name}: {line}")),
        );
    }
    lines
}

/// The line of one keyword, unless the keyword appears elsewhere.
fn constraint(schema: &Value, keyword: &str, value: &Value) -> Option<String> {
    let join = |list: &Value, separator: &str| {
        let all = list.as_array().map_or(&[][..], Vec::as_slice);
        // The type already contains `or null`.
        let all = all.iter().filter(|one| !one.is_null() || !is_true(schema, "nullable"));
        all.map(value_text).collect::<Vec<_>>().join(separator)
    };
    Some(match (keyword, value) {
        (keyword, _) if HANDLED.contains(&keyword) => return None,
        ("enum", list) => format!("One of {}", join(list, ", ")),
        ("pattern", Value::String(pattern)) => format!("Matches {}", code(pattern)),
        ("multipleOf", number) => format!("A multiple of {number}"),
        ("uniqueItems", Value::Bool(true)) => "Items are unique".to_owned(),
        ("x-kubernetes-list-type", Value::String(kind)) => match kind.as_str() {
            "map" => format!(
                "Items are identified by {}",
                join(&schema["x-kubernetes-list-map-keys"], " and ")
            ),
            "set" => "Items are unique".to_owned(),
            _ => "Atomic: every apply replaces the whole value".to_owned(),
        },
        ("x-kubernetes-map-type", Value::String(kind)) if kind == "atomic" => {
            "Atomic: every apply replaces the whole value".to_owned()
        }
        ("x-kubernetes-preserve-unknown-fields", Value::Bool(true)) => {
            "Accepts unknown fields".to_owned()
        }
        (_, value) => format!("{}: {}", code(keyword), code(&value.to_string())),
    })
}

/// Bounds of a number, and of the size of a text, list or map.
fn bounds(schema: &Value) -> Vec<String> {
    let number = |keyword: &str| {
        schema.get(keyword).filter(|bound| bound.is_number()).map(ToString::to_string)
    };
    let least = number("minimum").map(|least| {
        if is_true(schema, "exclusiveMinimum") { format!("more than {least}") } else { least }
    });
    let most = number("maximum").map(|most| {
        if is_true(schema, "exclusiveMaximum") { format!("less than {most}") } else { most }
    });
    let plain = |bound: &String| !bound.contains(' ');
    let numbers = match (least, most) {
        (Some(least), Some(most)) if plain(&least) && plain(&most) => {
            Some(format!("{least} to {most}"))
        }
        (Some(least), Some(most)) => Some(format!("{}, {}", at("least", least), at("most", most))),
        (Some(least), None) => Some(at("least", least)),
        (None, Some(most)) => Some(at("most", most)),
        (None, None) => None,
    };
    let sizes = [
        ("minLength", "maxLength", ["character", "characters"]),
        ("minItems", "maxItems", ["item", "items"]),
        ("minProperties", "maxProperties", ["entry", "entries"]),
    ];
    let sizes = sizes.into_iter().filter_map(|(least, most, [one, many])| {
        let unit = |number: &str| if number == "1" { one } else { many };
        Some(match (number(least).filter(|least| least != "0"), number(most)) {
            (Some(least), Some(most)) if least == most => format!("{most} {}", unit(&most)),
            (Some(least), Some(most)) => format!("{least} to {most} {}", unit(&most)),
            (Some(least), None) => format!("At least {least} {}", unit(&least)),
            (None, Some(most)) => format!("At most {most} {}", unit(&most)),
            (None, None) => return None,
        })
    });
    let capital = |text: String| {
        text.chars().take(1).flat_map(char::to_uppercase).chain(text.chars().skip(1)).collect()
    };
    numbers.into_iter().map(capital).chain(sizes).collect()
}

fn at(which: &str, bound: String) -> String {
    if bound.contains(' ') { bound } else { format!("at {which} {bound}") }
}

/// A rule: its message, and the expression on its own line.
pub(super) fn rule(rule: &Value) -> String {
    let text = |keyword: &str| rule[keyword].as_str();
    let message = match (text("message"), text("messageExpression")) {
        // The server uses `message` only if the expression fails.
        (_, Some(expression)) => format!("message from {}", code(expression)),
        (Some(message), None) => inline(message),
        (None, None) => "no message".to_owned(),
    };
    let field = text("fieldPath").map(|path| format!(" for {}", code(path))).unwrap_or_default();
    let reason =
        text("reason").map(|reason| format!(", reason {}", code(reason))).unwrap_or_default();
    let old = if rule["optionalOldSelf"] == true { ", also checked on create" } else { "" };
    format!("Rule{field}{reason}{old}: {message}\\\n  {}", code(text("rule").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_written_as_words() {
        for (schema, expected) in [
            (json!({ "type": "string" }), "string"),
            (json!({ "type": "integer", "format": "int32" }), "integer (int32)"),
            (json!({ "type": "string", "nullable": true }), "string or null"),
            (json!({ "x-kubernetes-int-or-string": true }), "integer or string"),
            (
                json!({ "items": { "type": "array", "items": { "type": "string" } } }),
                "list of list of string",
            ),
            (
                json!({ "type": "object", "additionalProperties": { "type": "string" } }),
                "map of string",
            ),
            (json!({ "type": "object", "additionalProperties": true }), "map of any value"),
            (json!({ "type": "array" }), "list of any value"),
            (
                json!({ "type": "object", "x-kubernetes-embedded-resource": true }),
                "Kubernetes object with apiVersion and kind",
            ),
            (json!({ "x-kubernetes-preserve-unknown-fields": true }), "any value"),
        ] {
            assert_eq!(type_of(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn bounds_are_written_as_words() {
        for (schema, expected) in [
            (json!({ "minimum": 1, "maximum": 10 }), "1 to 10"),
            (json!({ "minimum": -1 }), "At least -1"),
            (json!({ "maximum": 0.5 }), "At most 0.5"),
            (json!({ "minimum": 0, "exclusiveMinimum": true }), "More than 0"),
            (
                json!({ "minimum": 0, "exclusiveMinimum": true, "maximum": 9 }),
                "More than 0, at most 9",
            ),
            (
                json!({ "minimum": 0, "maximum": 9, "exclusiveMaximum": true }),
                "At least 0, less than 9",
            ),
            (json!({ "minLength": 1, "maxLength": 1 }), "1 character"),
            (json!({ "minLength": 0, "maxLength": 1 }), "At most 1 character"),
            (json!({ "minItems": 2 }), "At least 2 items"),
            (json!({ "minProperties": 1, "maxProperties": 3 }), "1 to 3 entries"),
        ] {
            assert_eq!(constraints(&schema), [expected], "{schema}");
        }
    }

    #[test]
    fn the_other_keywords_are_described_or_shown_as_json() {
        for (schema, expected) in [
            (json!({ "enum": ["A", 1, null, ""] }), "One of `A`, `1`, `null`, `\"\"`"),
            (json!({ "enum": ["A", null], "nullable": true }), "One of `A`"),
            (json!({ "pattern": "^a|b$" }), "Matches `^a|b$`"),
            (json!({ "multipleOf": 5 }), "A multiple of 5"),
            (json!({ "uniqueItems": true }), "Items are unique"),
            (json!({ "x-kubernetes-list-type": "set" }), "Items are unique"),
            (
                json!({
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port", "protocol"],
                }),
                "Items are identified by `port` and `protocol`",
            ),
            (json!({ "x-kubernetes-preserve-unknown-fields": true }), "Accepts unknown fields"),
            (json!({ "oneOf": [{ "required": ["a"] }] }), "`oneOf`: `[{\"required\":[\"a\"]}]`"),
            (json!({ "x-of-the-future": 1 }), "`x-of-the-future`: `1`"),
        ] {
            assert_eq!(constraints(&schema), [expected], "{schema}");
        }
        for atomic in ["x-kubernetes-list-type", "x-kubernetes-map-type"] {
            assert!(
                constraints(&json!({ atomic: "atomic" }))[0].starts_with("Atomic: "),
                "{atomic}"
            );
        }
    }

    #[test]
    fn a_rule_shows_its_message_and_its_expression() {
        let plain = json!({ "rule": "self > `1`", "message": "write more than_1" });
        assert_eq!(rule(&plain), "Rule: write more than\\_1\\\n  `` self > `1` ``");
        let about = json!({
            "rule": "r", "messageExpression": "'a' + self", "message": "a", "fieldPath": ".b",
            "reason": "FieldValueInvalid",
        });
        assert_eq!(
            rule(&about),
            "Rule for `.b`, reason `FieldValueInvalid`: message from `'a' + self`\\\n  `r`"
        );
        let old = json!({ "rule": "r", "optionalOldSelf": true });
        assert_eq!(rule(&old), "Rule, also checked on create: no message\\\n  `r`");
    }

    #[test]
    fn constraints_of_items_are_listed_with_the_list() {
        let list = json!({
            "type": "array", "maxItems": 2,
            "items": {
                "description": "A key. Example: a", "maxLength": 3,
                "x-kubernetes-validations": [{ "rule": "r", "message": "m" }],
            },
        });
        let expected = [
            "At most 2 items",
            "Each item: A key.",
            "Each item: At most 3 characters",
            "Each item: Rule: m\\\n  `r`",
        ];
        assert_eq!(constraints(&list), expected);
        let map = json!({ "additionalProperties": { "items": { "minimum": 1 } } });
        assert_eq!(constraints(&map), ["Each value: Each item: At least 1"]);
    }
}
