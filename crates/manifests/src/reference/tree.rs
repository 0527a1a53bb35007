//! The fields of a schema, each with its path.

use serde_json::Value;

use super::schema::{items, values};
use crate::path::FieldPath;

/// Fields of every object, which definitions do not describe.
const ENVELOPE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// A step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item,
    Value,
}

/// A field and its inner fields.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// `spec.ports[].name`.
    pub(super) path: FieldPath,
    /// `name`.
    pub(super) name: &'a str,
    pub(super) required: bool,
    pub(super) schema: &'a Value,
    /// Steps from the object to the field.
    pub(super) steps: Vec<Step>,
    /// Fields of the value, of its items or of its map values; required fields first.
    pub(super) fields: Vec<Field<'a>>,
}

/// The fields of a resource.
pub(super) fn fields(root: &Value) -> Vec<Field<'_>> {
    let mut fields = inside(root, &FieldPath::root(), &[]);
    fields.retain(|field| !ENVELOPE.contains(&field.name));
    fields
}

fn inside<'a>(object: &'a Value, path: &FieldPath, steps: &[Step]) -> Vec<Field<'a>> {
    let required = |name: &str| {
        object["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
    };
    let properties = object["properties"].as_object();
    let field = |(name, schema): (&'a String, &'a Value)| {
        let path = path.key(name);
        let steps = [steps, &[Step::Key(name.clone())]].concat();
        let (inner, inner_path, inner_steps) = innermost(schema, path.clone(), steps.clone());
        let fields = inside(inner, &inner_path, &inner_steps);
        Field { path, name, required: required(name), schema, steps, fields }
    };
    let mut fields: Vec<Field<'a>> = properties.into_iter().flatten().map(field).collect();
    fields.sort_by(|a, b| (!a.required, a.name).cmp(&(!b.required, b.name)));
    fields
}

/// Unwraps lists and maps at any depth.
fn innermost(
    schema: &Value,
    path: FieldPath,
    mut steps: Vec<Step>,
) -> (&Value, FieldPath, Vec<Step>) {
    if let Some(items) = items(schema) {
        steps.push(Step::Item);
        return innermost(items, path.each_item(), steps);
    }
    if let Some(values) = values(schema) {
        steps.push(Step::Value);
        return innermost(values, path.each_value(), steps);
    }
    (schema, path, steps)
}

/// The first value at `steps` in `object`.
pub(super) fn find<'a>(object: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(object) };
    match step {
        Step::Key(name) => find(object.get(name)?, rest),
        Step::Item => object.as_array()?.iter().find_map(|item| find(item, rest)),
        Step::Value => object.as_object()?.values().find_map(|value| find(value, rest)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(fields: &[Field<'_>], into: &mut Vec<String>) {
        for field in fields {
            into.push(field.path.to_string());
            paths(&field.fields, into);
        }
    }

    #[test]
    fn every_field_has_a_path_through_lists_maps_and_lists_of_lists() {
        let named = |inner: Value| json!({ "type": "object", "properties": { "name": inner } });
        let text = json!({ "type": "string" });
        let schema = json!({
            "type": "object",
            "properties": {
                "apiVersion": text, "kind": text, "metadata": {},
                "spec": {
                    "type": "object",
                    "required": ["z"],
                    "properties": {
                        "a": { "type": "array", "items": named(text.clone()) },
                        "b": { "type": "object", "additionalProperties": named(text.clone()) },
                        "c": {
                            "type": "array",
                            "items": { "type": "array", "items": named(text.clone()) },
                        },
                        "d.e/f": text,
                        "z": text,
                    },
                },
            },
        });
        let mut found = Vec::new();
        paths(&fields(&schema), &mut found);
        let expected = [
            "spec",
            "spec.z",
            "spec.a",
            "spec.a[].name",
            "spec.b",
            "spec.b.*.name",
            "spec.c",
            "spec.c[][].name",
            r#"spec["d.e/f"]"#,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_value_comes_from_the_first_item_that_contains_it() {
        let object = json!({ "a": [{}, { "b": { "x": { "c": 1 } } }] });
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(
            find(&object, &[key("a"), Step::Item, key("b"), Step::Value, key("c")]),
            Some(&json!(1))
        );
        assert_eq!(find(&object, &[key("a"), Step::Item, key("d")]), None);
        assert_eq!(find(&object, &[key("a"), key("b")]), None);
    }
}
