//! Checks a value against a structural schema: types, required fields, bounds, enums, patterns and
//! keys of lists.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use regex::Regex;
use serde_json::{Map, Number, Value};

use super::format;
use super::problem::Problem;
use super::suggest::closest;
use super::unknown::{items, values};
use crate::description::{self, first_sentence};
use crate::path::FieldPath;

/// Checks values and collects their problems.
#[derive(Default)]
pub(super) struct Checker {
    pub(super) problems: Vec<Problem>,
    /// A field has the wrong type, is missing or is too big, so rules are not evaluated.
    pub(super) blocks_rules: bool,
}

/// Describes a value in a message: short, and with its type.
pub(super) fn describe(value: &Value) -> String {
    /// Maximum number of characters of a string.
    const SHOWN: usize = 60;
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(bool) => format!("the boolean {bool}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() > SHOWN => {
            format!("the string {:?}...", text.chars().take(SHOWN).collect::<String>())
        }
        Value::String(text) => format!("the string {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

/// Describes what to write for a field: the first clause of its description, and its example.
fn describe_field(name: &str, schema: &JSONSchemaProps) -> Option<String> {
    if schema.type_.as_deref() == Some("object")
        && schema.required.iter().flatten().next().is_none()
    {
        return Some(format!("write {name}: {{}} to use all defaults"));
    }
    let text = schema.description.as_deref()?;
    let first = first_sentence(text);
    let first = first.split_once("; ").map_or(first, |(clause, _)| clause);
    match description::example(text).filter(|example| !first.contains(example)) {
        Some(example) => Some(format!("{}; for example {example}", first.trim_end_matches('.'))),
        None => Some(first.to_owned()),
    }
}

fn example(schema: &JSONSchemaProps) -> Option<String> {
    let example = description::example(schema.description.as_deref()?)?;
    Some(format!("for example {example}"))
}

impl Checker {
    fn error(&mut self, path: &FieldPath, message: impl Into<String>, help: Option<String>) {
        self.problems.push(Problem::error(path, message).with_help(help));
    }

    fn blocking_error(
        &mut self,
        path: &FieldPath,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.blocks_rules = true;
        self.error(path, message, help);
    }

    pub(super) fn check(&mut self, schema: &JSONSchemaProps, value: &Value, path: &FieldPath) {
        if value.is_null() && schema.nullable == Some(true) {
            return self.enumeration(schema, value, path);
        }
        if let Some(wanted) = unexpected_type(schema, value) {
            return self.blocking_error(
                path,
                format!("must be {wanted}, is {}", describe(value)),
                suggest_conversion(wanted, value),
            );
        }
        self.enumeration(schema, value, path);
        match value {
            Value::Object(map) => self.map(schema, map, path),
            Value::Array(list) => self.list(schema, list, path),
            Value::String(text) => self.text(schema, text, path),
            Value::Number(number) => self.number(schema, number, path),
            Value::Null | Value::Bool(_) => {}
        }
        self.alternatives(schema, value, path);
    }

    fn enumeration(&mut self, schema: &JSONSchemaProps, value: &Value, path: &FieldPath) {
        let Some(allowed) = &schema.enum_ else { return };
        if allowed.iter().any(|a| a.0 == *value) {
            return;
        }
        let names: Vec<String> =
            allowed.iter().filter(|a| !a.0.is_null()).map(|a| plain(&a.0)).collect();
        let suggestion =
            value.as_str().and_then(|text| closest(text, names.iter().map(String::as_str)));
        let help = suggestion.map(|name| format!("did you mean {name}?"));
        let wanted = match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.join(""),
        };
        self.error(path, format!("must be {wanted}, is {}", describe(value)), help);
    }

    fn map(&mut self, schema: &JSONSchemaProps, map: &Map<String, Value>, path: &FieldPath) {
        self.size(
            map.len(),
            (schema.min_properties, schema.max_properties),
            ["entry", "entries"],
            path,
        );
        let embedded: &[&str] = if schema.x_kubernetes_embedded_resource == Some(true) {
            &["apiVersion", "kind"]
        } else {
            &[]
        };
        let required =
            schema.required.iter().flatten().map(String::as_str).chain(embedded.iter().copied());
        for name in required.filter(|name| !map.contains_key(*name)) {
            let help = schema.properties.as_ref().and_then(|p| describe_field(name, p.get(name)?));
            self.blocking_error(&path.key(name), "is missing", help);
        }
        for (key, value) in map {
            let inner =
                schema.properties.as_ref().and_then(|p| p.get(key)).or_else(|| values(schema));
            if let Some(inner) = inner {
                self.check(inner, value, &path.key(key));
            }
        }
    }

    fn list(&mut self, schema: &JSONSchemaProps, list: &[Value], path: &FieldPath) {
        self.size(list.len(), (schema.min_items, schema.max_items), ["item", "items"], path);
        if let Some(inner) = items(schema) {
            for (index, item) in list.iter().enumerate() {
                self.check(inner, item, &path.index(index));
            }
        }
        let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
        let identity = |item: &Value| -> Option<Value> {
            match schema.x_kubernetes_list_type.as_deref() {
                Some("set") => Some(item.clone()),
                Some("map") => Some(Value::Array(
                    keys.iter().map(|k| item.get(k).cloned().unwrap_or_default()).collect(),
                )),
                _ => None,
            }
        };
        for (index, item) in list.iter().enumerate() {
            let Some(own) = identity(item) else { continue };
            if let Some(first) =
                list[..index].iter().position(|other| identity(other).as_ref() == Some(&own))
            {
                let what = if keys.is_empty() {
                    "is the same as".to_owned()
                } else {
                    format!("has the same {} as", keys.join(" and "))
                };
                self.error(
                    &path.index(index),
                    format!("{what} {}", path.index(first)),
                    Some("remove or change one of them".to_owned()),
                );
            }
        }
    }

    fn text(&mut self, schema: &JSONSchemaProps, text: &str, path: &FieldPath) {
        let (length, before) = (text.chars().count(), self.problems.len());
        self.size(
            length,
            (schema.min_length, schema.max_length),
            ["character", "characters"],
            path,
        );
        // A text with the wrong length rarely matches the pattern, so the pattern is not checked.
        if let Some(pattern) = schema.pattern.as_ref().filter(|_| self.problems.len() == before) {
            match Regex::new(pattern) {
                Ok(regex) if regex.is_match(text) => {}
                Ok(_) => {
                    let message = format!(
                        "{} does not match the pattern {pattern}",
                        describe(&Value::from(text))
                    );
                    self.error(path, message, example(schema));
                }
                Err(error) => self.problems.push(Problem::unchecked(
                    path,
                    format!("the pattern {pattern} was not checked: {error}"),
                )),
            }
        }
        if let Some(help) = schema.format.as_deref().and_then(|format| format::check(format, text))
        {
            let format = schema.format.as_deref().unwrap_or_default();
            self.error(
                path,
                format!("must be in the format {format}, is {}", describe(&Value::from(text))),
                Some(help.to_owned()),
            );
        }
    }

    fn number(&mut self, schema: &JSONSchemaProps, number: &Number, path: &FieldPath) {
        // The API server compares bounds as floats too.
        let value = number.as_f64().unwrap_or(f64::NAN);
        let limit = |bound: f64| Value::from(bound).to_string().trim_end_matches(".0").to_owned();
        if let Some(max) = schema.maximum {
            if schema.exclusive_maximum == Some(true) && value >= max {
                self.error(path, format!("must be less than {}, is {number}", limit(max)), None);
            } else if value > max {
                self.error(path, format!("must be at most {}, is {number}", limit(max)), None);
            }
        }
        if let Some(min) = schema.minimum {
            if schema.exclusive_minimum == Some(true) && value <= min {
                self.error(path, format!("must be more than {}, is {number}", limit(min)), None);
            } else if value < min {
                self.error(path, format!("must be at least {}, is {number}", limit(min)), None);
            }
        }
        if let Some(of) = schema.multiple_of.filter(|of| *of > 0.0 && (value / of).fract() != 0.0) {
            self.error(path, format!("must be a multiple of {}, is {number}", limit(of)), None);
        }
    }

    fn size(
        &mut self,
        size: usize,
        (min, max): (Option<i64>, Option<i64>),
        [one, many]: [&str; 2],
        path: &FieldPath,
    ) {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let count = |n: i64| format!("{n} {}", if n == 1 { one } else { many });
        if let Some(max) = max.filter(|max| size > *max) {
            self.blocking_error(
                path,
                format!("must have at most {}, has {size}", count(max)),
                None,
            );
        }
        if let Some(min) = min.filter(|min| size < *min) {
            self.error(path, format!("must have at least {}, has {size}", count(min)), None);
        }
    }

    /// `allOf`, `anyOf`, `oneOf` and `not`.
    fn alternatives(&mut self, schema: &JSONSchemaProps, value: &Value, path: &FieldPath) {
        for part in schema.all_of.iter().flatten() {
            self.check(part, value, path);
        }
        let check_each = |parts: &[JSONSchemaProps]| -> Vec<Vec<Problem>> {
            let check = |part: &JSONSchemaProps| {
                let mut checker = Self::default();
                checker.check(part, value, path);
                checker.problems
            };
            parts.iter().map(check).collect()
        };
        if let Some(parts) = &schema.any_of {
            let tried = check_each(parts);
            if !tried.iter().any(Vec::is_empty) {
                self.error(
                    path,
                    format!(
                        "must match one of {} forms, matches none: {}",
                        parts.len(),
                        reasons(&tried)
                    ),
                    None,
                );
            }
        }
        if let Some(parts) = &schema.one_of {
            let tried = check_each(parts);
            match tried.iter().filter(|problems| problems.is_empty()).count() {
                1 => {}
                0 => self.error(
                    path,
                    format!(
                        "must match one of {} forms, matches none: {}",
                        parts.len(),
                        reasons(&tried)
                    ),
                    None,
                ),
                n => self.error(
                    path,
                    format!("must match exactly one of {} forms, matches {n}", parts.len()),
                    None,
                ),
            }
        }
        if let Some(not) = &schema.not
            && check_each(std::slice::from_ref(not)).iter().all(Vec::is_empty)
        {
            self.error(path, "matches a form that the schema excludes (`not`)", None);
        }
    }
}

fn reasons(tried: &[Vec<Problem>]) -> String {
    let first = |problems: &Vec<Problem>| problems.first().map(ToString::to_string);
    let mut all: Vec<String> = tried.iter().filter_map(first).collect();
    all.dedup();
    all.join("; or ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The expected type, if the value has another type.
fn unexpected_type(schema: &JSONSchemaProps, value: &Value) -> Option<&'static str> {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return (!value.is_string() && !is_integer(value)).then_some("a whole number or a string");
    }
    let (fits, wanted) = match schema.type_.as_deref()? {
        "object" => (value.is_object(), "a map"),
        "array" => (value.is_array(), "a list"),
        "string" => (value.is_string(), "a string"),
        "boolean" => (value.is_boolean(), "true or false"),
        "number" => (value.is_number(), "a number"),
        "integer" if is_integer(value) && schema.format.as_deref() == Some("int32") => {
            let fits = value
                .as_f64()
                .is_some_and(|f| f >= f64::from(i32::MIN) && f <= f64::from(i32::MAX));
            (fits, "a whole number from -2147483648 to 2147483647")
        }
        "integer" if value.is_u64() => {
            (is_integer(value), "a whole number of at most 9223372036854775807")
        }
        "integer" => (is_integer(value), "a whole number"),
        _ => return None,
    };
    (!fits).then_some(wanted)
}

/// Whether the API server accepts the value as an integer: `1.0` is one, within float precision.
fn is_integer(value: &Value) -> bool {
    const EXACT: f64 = 9_007_199_254_740_991.0;
    value.is_i64()
        || value.as_f64().is_some_and(|f| value.is_f64() && f.fract() == 0.0 && f.abs() <= EXACT)
}

/// Suggests how to write the value with the expected type.
fn suggest_conversion(wanted: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(text) if wanted.contains("number") && text.trim().parse::<f64>().is_ok() => {
            Some(format!("write {} without quotes", text.trim()))
        }
        Value::String(text)
            if wanted == "true or false" && matches!(text.as_str(), "true" | "false") =>
        {
            Some(format!("write {text} without quotes"))
        }
        Value::Bool(_) if wanted == "a string" => {
            Some("put it in quotes; unquoted yes, no, on and off are booleans too".to_owned())
        }
        Value::Number(_) if wanted == "a string" => Some("put it in quotes".to_owned()),
        _ if wanted == "a list" => Some("start each item with `- `".to_owned()),
        _ => None,
    }
}
