//! Selects the lines of a log that explain a failure.

use serde_json::{Map, Value};

use crate::command::last_lines;

/// The maximum number of lines.
const LINES: usize = 5;
/// The maximum number of characters of a line. Some lines contain all flags, or a stack.
const WIDTH: usize = 300;

/// The last errors in `text`, or its last lines if it has no errors.
pub(crate) fn excerpt(text: &str) -> String {
    let tail = last_lines(text, 40);
    let errors: Vec<&str> = tail.lines().filter(|line| is_error(line)).collect();
    let chosen = if errors.is_empty() { tail.lines().collect() } else { errors };
    let shown = chosen[chosen.len().saturating_sub(LINES)..].iter().map(|line| readable(line));
    shown.collect::<Vec<_>>().join("\n")
}

/// etcd and kwokctl write JSON with a level. The other components write klog lines, which begin
/// with the letter of the level and a date.
fn is_error(line: &str) -> bool {
    if let Some(entry) = entry(line) {
        let level = text(&entry, "level").to_lowercase();
        return matches!(level.as_str(), "error" | "fatal" | "panic");
    }
    let klog = line.starts_with(['E', 'F']) && line[1..].starts_with(|c: char| c.is_ascii_digit());
    klog || line.starts_with("Error:") || line.starts_with("panic:")
}

fn readable(line: &str) -> String {
    let text = match entry(line) {
        Some(entry) => {
            let parts = ["msg", "err", "error"].map(|key| text(&entry, key));
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
        }
        None => line.to_owned(),
    };
    if text.chars().count() > WIDTH {
        text.chars().take(WIDTH).chain("...".chars()).collect()
    } else {
        text
    }
}

/// A line of a JSON log.
fn entry(line: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(line).ok()
}

fn text<'a>(entry: &'a Map<String, Value>, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_message_of_a_json_error_is_shown() {
        let log = [
            r#"{"level":"info","msg":"Running: ","args":["etcd"]}"#,
            r#"{"level":"fatal","caller":"etcd.go:157","msg":"discovery failed","#,
            r#""error":"listen: address already in use","stacktrace":"x"}"#,
            r#"{"level":"info","msg":"closed"}"#,
        ];
        let log = format!("{}\n{}{}\n{}", log[0], log[1], log[2], log[3]);
        assert_eq!(excerpt(&log), "discovery failed: listen: address already in use");
    }

    #[test]
    fn only_the_errors_of_a_klog_log_are_shown() {
        let log = "I1121 05:34:01.7 1 a.go:1] fine\n\
                   E1121 05:34:02.0 1 run.go:72] \"command failed\" err=\"x\"\n";
        assert_eq!(excerpt(log), "E1121 05:34:02.0 1 run.go:72] \"command failed\" err=\"x\"");
    }

    #[test]
    fn the_last_lines_of_a_log_without_errors_are_shown() {
        assert_eq!(excerpt("1\n2\n3\n4\n5\n6\n"), "2\n3\n4\n5\n6");
        assert_eq!(excerpt(&"x".repeat(1000)).len(), WIDTH + 3);
        assert_eq!(excerpt(""), "");
    }
}
