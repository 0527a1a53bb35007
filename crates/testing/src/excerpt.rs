//! What in a log is worth showing when the program that wrote it failed.

use serde_json::{Map, Value};

use crate::command::last_lines;

/// How many lines are shown.
const LINES: usize = 5;
/// How much of a line is shown: some carry all flags, or a stack.
const WIDTH: usize = 300;

/// Why the program that wrote `text` ended, as far as its last lines tell.
pub(crate) fn excerpt(text: &str) -> String {
    let tail = last_lines(text, 40);
    let complaints: Vec<&str> = tail.lines().filter(|line| is_complaint(line)).collect();
    let chosen = if complaints.is_empty() { tail.lines().collect() } else { complaints };
    let shown = chosen[chosen.len().saturating_sub(LINES)..].iter().map(|line| readable(line));
    shown.collect::<Vec<_>>().join("\n")
}

/// etcd and kwokctl write JSON with a level; the others klog, whose lines begin with the level's
/// letter and a date.
fn is_complaint(line: &str) -> bool {
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

/// A line of a log in JSON.
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
    fn what_a_json_log_complains_of_is_shown_without_the_rest() {
        let log = r#"{"level":"info","msg":"Running: ","args":["etcd"]}
{"level":"fatal","caller":"etcd.go:157","msg":"discovery failed","error":"listen: address already in use","stacktrace":"x"}
{"level":"info","msg":"closed"}"#;
        assert_eq!(excerpt(log), "discovery failed: listen: address already in use");
    }

    #[test]
    fn what_a_klog_log_complains_of_is_shown() {
        let log = "I1121 05:34:01.7 1 a.go:1] fine\nE1121 05:34:02.0 1 run.go:72] \"command failed\" err=\"x\"\n";
        assert_eq!(excerpt(log), "E1121 05:34:02.0 1 run.go:72] \"command failed\" err=\"x\"");
    }

    #[test]
    fn a_log_without_complaints_is_shown_by_its_last_lines() {
        assert_eq!(excerpt("1\n2\n3\n4\n5\n6\n"), "2\n3\n4\n5\n6");
        assert_eq!(excerpt(&"x".repeat(1000)).len(), WIDTH + 3);
        assert_eq!(excerpt(""), "");
    }
}
