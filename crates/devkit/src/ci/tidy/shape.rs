//! A Rust file is short enough to be read, and its first line describes it. The length of functions
//! is clippy's `too_many_lines`.

use super::files::Source;
use super::problem::Problem;

/// The maximum number of lines of a file.
const MAX_LINES: usize = 600;

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let problem = |line, message| Problem { file: source.path.clone(), line, message };
    let mut found = Vec::new();
    if !source.text.starts_with("//!") {
        found.push(problem(
            1,
            "begin with `//!`: what the file contains, in one to five lines".to_owned(),
        ));
    }
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        found.push(problem(lines, format!("{lines} lines; the limit is {MAX_LINES}, split it")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::files::Kind;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let source = Source { path: "a.rs".into(), kind: Kind::Rust, text: text.to_owned() };
        check(&source).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_of_600_lines_passes_and_a_longer_file_is_reported() {
        assert_eq!(found(&"//! Fine.\n".repeat(600)), [""; 0]);
        let expected = ["a.rs:601: 601 lines; the limit is 600, split it"];
        assert_eq!(found(&"//! Long.\n".repeat(601)), expected);
    }

    #[test]
    fn a_file_without_a_description_is_reported() {
        let expected = ["a.rs:1: begin with `//!`: what the file contains, in one to five lines"];
        assert_eq!(found("fn main() {}\n"), expected);
        assert_eq!(found(""), expected);
    }
}
