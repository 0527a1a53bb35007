//! No line is wider than the code that rustfmt writes. Two things cannot be broken and are allowed:
//! an address, and a row of a Markdown table.

use super::files::{Kind, Source};
use super::problem::Problem;

/// The maximum number of characters of a line.
const MAX_COLUMNS: usize = 100;

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let lines = source.text.lines().enumerate();
    let too_wide = lines.filter(|(_, line)| {
        line.chars().count() > MAX_COLUMNS && !is_table_row(source.kind, line) && !is_address(line)
    });
    let problem = |(index, line): (usize, &str)| Problem {
        file: source.path.clone(),
        line: index + 1,
        message: format!("{} columns; the limit is {MAX_COLUMNS}", line.chars().count()),
    };
    too_wide.map(problem).collect()
}

/// A row of a table, also in the documentation of Rust code.
fn is_table_row(kind: Kind, line: &str) -> bool {
    let text = line.trim_start();
    match kind {
        Kind::Markdown => text.starts_with('|'),
        Kind::Rust => text.starts_with("//! |") || text.starts_with("/// |"),
        Kind::Other => false,
    }
}

/// Whether the word that crosses the limit is an address.
fn is_address(line: &str) -> bool {
    let crosses = |word: &&str| {
        let end = word.as_ptr() as usize - line.as_ptr() as usize + word.len();
        line[..end].chars().count() > MAX_COLUMNS
    };
    line.split_whitespace().find(crosses).is_some_and(|word| word.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(kind: Kind, text: &str) -> Vec<usize> {
        let source = Source { path: "a".into(), kind, text: text.to_owned() };
        check(&source).iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let text = format!("{}\n{}\n", "ä".repeat(100), "ä".repeat(101));
        assert_eq!(lines(Kind::Other, &text), [2]);
    }

    #[test]
    fn an_address_that_crosses_the_limit_is_allowed_and_text_after_it_is_not() {
        let address = format!("https://{}", "x".repeat(95));
        assert_eq!(lines(Kind::Markdown, &format!("See [the page]({address}).\n")), [0; 0]);
        let short = "https://example.com";
        assert_eq!(lines(Kind::Markdown, &format!("{short} {}\n", "word ".repeat(30))), [1]);
    }

    #[test]
    fn a_row_of_a_table_is_allowed_in_markdown_and_in_documentation() {
        let row = format!("| {} |", "cell ".repeat(30));
        assert_eq!(lines(Kind::Markdown, &row), [0; 0]);
        assert_eq!(lines(Kind::Rust, &format!("//! {row}\n/// {row}\n")), [0; 0]);
        assert_eq!(lines(Kind::Rust, &row), [1]);
        assert_eq!(lines(Kind::Other, &row), [1]);
    }
}
