//! Writing a resource as YAML. Each string is either plain, and then safe for readers of YAML 1.1
//! and 1.2, or a JSON string, which is valid YAML and has no unsafe characters.

use serde_json::Value;

use crate::output::to_json_string;

/// Words that YAML 1.1 reads as a boolean or null.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// Block style, keys in the order of the value, ending with a line break.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text
}

/// Writes `value`, whose first line has its indentation already.
fn write_value(text: &mut String, value: &Value, indent: usize) {
    let mut separator = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                text.push_str(&separator);
                text.push_str(&scalar(key));
                text.push(':');
                write_field(text, field, indent);
                separator = " ".repeat(indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&separator);
                text.push_str("- ");
                write_value(text, item, indent + 2);
                separator = " ".repeat(indent);
            }
        }
        Value::String(string) => text.push_str(&(scalar(string) + "\n")),
        other => text.push_str(&(other.to_string() + "\n")),
    }
}

/// Lists have the indentation of their key, as kubectl writes them.
fn write_field(text: &mut String, field: &Value, indent: usize) {
    let inner = match field {
        Value::Object(fields) if !fields.is_empty() => indent + 2,
        Value::Array(items) if !items.is_empty() => indent,
        _ => {
            text.push(' ');
            return write_value(text, field, indent);
        }
    };
    text.push('\n');
    text.push_str(&" ".repeat(inner));
    write_value(text, field, inner);
}

fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { to_json_string(text) }
}

/// Starts with a letter, so it is neither a number nor a date; without `: `, so it is no key.
fn is_plain(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "_-./: ".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(inner)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !WORDS.contains(&&*text.to_ascii_lowercase())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use crate::output::tests::unsafe_characters;

    use super::*;

    #[test]
    fn a_resource_is_written_in_block_style() {
        let value = json!({
            "kind": "PreviewEnvironment",
            "metadata": { "labels": { "a.io/b": "yes" }, "finalizers": [], "name": "pr-17" },
            "spec": { "env": [{ "name": "A", "value": "1" }, { "name": "B" }], "image": "app:1" },
            "status": { "conditions": [[1, 2], {}], "message": "two\nlines", "ready": "1/1" },
        });
        insta::assert_snapshot!(to_yaml(&value), @r#"
        kind: PreviewEnvironment
        metadata:
          finalizers: []
          labels:
            a.io/b: "yes"
          name: pr-17
        spec:
          env:
          - name: A
            value: "1"
          - name: B
          image: app:1
        status:
          conditions:
          - - 1
            - 2
          - {}
          message: "two\nlines"
          ready: "1/1"
        "#);
    }

    #[test]
    fn every_string_keeps_its_value_and_has_no_unsafe_characters() {
        let mut strings: Vec<String> = WORDS.map(str::to_owned).to_vec();
        strings.extend(unsafe_characters().iter().map(|c| format!("a{c}b")));
        let others = ["", "~", "1e3", "0o7", "12:30", "=", "a: b", "a:", "a ", "a #b", "- a", "NO"];
        strings.extend(others.map(str::to_owned));
        strings.extend(
            ["2030-01-31T12:00:00Z", "https://a.b/c", "[a]", "'", "\"", "ä"].map(str::to_owned),
        );
        for string in strings {
            let value = json!({ string.clone(): [string.clone()] });
            let yaml = to_yaml(&value);
            assert!(!yaml.contains(|c: char| c.is_control() && c != '\n'), "{yaml:?}");
            assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), value, "{yaml:?}");
        }
    }
}
