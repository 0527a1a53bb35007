//! Words that a project does not use, in code and in prose. The project chooses them.

use std::path::Path;

use super::files::{Kind, Source};
use super::problem::Problem;

/// The words that a project does not use, and the pages that may quote them.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// Each entry is one word or a phrase.
    banned: Vec<&'static str>,
    /// Files that may quote a banned word in backticks or quotation marks.
    pages: Vec<&'static str>,
}

/// A word of a text.
struct Word<'a> {
    text: &'a str,
    line: usize,
    /// Whether only spaces, comment markers and underscores separate the word from the word before.
    is_adjacent: bool,
}

impl Words {
    /// Bans `banned`: words or phrases. Case does not matter, except that an entry with a capital
    /// letter names a type: it matches only with this case and in Rust files. `pages` are paths
    /// from the project's folder, of files that may quote what is banned.
    pub fn new(
        banned: impl IntoIterator<Item = &'static str>,
        pages: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        Self { banned: banned.into_iter().collect(), pages: pages.into_iter().collect() }
    }

    pub(super) fn check(&self, source: &Source) -> Vec<Problem> {
        let may_quote = self.pages.iter().any(|page| source.path == Path::new(page));
        let text = if may_quote { without_quotations(&source.text) } else { source.text.clone() };
        let words = split(&text);
        let mut found = Vec::new();
        for banned in &self.banned {
            if is_type(banned) && source.kind != Kind::Rust {
                continue;
            }
            let phrase: Vec<&str> = banned.split(' ').collect();
            found.extend(words.windows(phrase.len()).filter(|at| matches(&phrase, at)).map(|at| {
                let message = format!("avoid the word `{banned}`");
                Problem { file: source.path.clone(), line: at[0].line, message }
            }));
        }
        found
    }
}

fn is_type(entry: &str) -> bool {
    entry.starts_with(char::is_uppercase)
}

fn matches(phrase: &[&str], words: &[Word<'_>]) -> bool {
    words[1..].iter().all(|word| word.is_adjacent)
        && phrase.iter().zip(words).all(|(banned, word)| {
            if is_type(banned) {
                *banned == word.text
            } else {
                banned.eq_ignore_ascii_case(word.text)
            }
        })
}

/// The words of a text: runs of letters. `snake_case` and `CamelCase` are several words.
fn split(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut end_of_last = 0;
        let mut start = None;
        let mut was_lower = false;
        for (at, letter) in line.char_indices().chain([(line.len(), ' ')]) {
            let begins_hump = was_lower && letter.is_uppercase();
            if let Some(from) = start
                && (begins_hump || !letter.is_alphabetic())
            {
                let is_adjacent = line[end_of_last..from].chars().all(is_glue);
                words.push(Word { text: &line[from..at], line: index + 1, is_adjacent });
                (start, end_of_last) = (None, at);
            }
            if letter.is_alphabetic() && start.is_none() {
                start = Some(at);
            }
            was_lower = letter.is_lowercase();
        }
        // The end of a sentence at the end of a line also ends a phrase.
        if let Some(last) = words.last()
            && last.line == index + 1
            && !line[end_of_last..].chars().all(is_glue)
        {
            words.push(Word { text: "", line: index + 1, is_adjacent: false });
        }
    }
    words
}

fn is_glue(letter: char) -> bool {
    letter.is_whitespace() || "/!#*>_\\".contains(letter)
}

/// The text without what stands in backticks or quotation marks. Lines keep their numbers.
fn without_quotations(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let mut quote = None;
        for letter in line.chars() {
            match (quote, letter) {
                (None, '`' | '"') => quote = Some(letter),
                (None, '\u{201c}') => quote = Some('\u{201d}'),
                (None, _) => kept.push(letter),
                (Some(end), _) if letter == end => {
                    quote = None;
                    // A phrase does not continue over a quotation.
                    kept.push_str(" . ");
                }
                (Some(_), _) => {}
            }
        }
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let kind = if path.ends_with("rs") { Kind::Rust } else { Kind::Markdown };
        let source = Source { path: path.into(), kind, text: text.to_owned() };
        let words = Words::new(["gizmo", "had its day", "Widgets"], ["STYLE.md"]);
        words.check(&source).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_is_found_in_prose_in_names_and_in_any_case() {
        for text in ["the gizmo", "Gizmo: x", "a_gizmo_here", "isGizmo", "GizmoSet", "GIZMO"] {
            assert_eq!(found("a.md", text), ["a.md:1: avoid the word `gizmo`"], "{text}");
        }
    }

    #[test]
    fn a_part_of_a_longer_word_is_no_match() {
        assert_eq!(found("a.md", "gizmos regizmo gizmology Supergizmo"), [""; 0]);
    }

    #[test]
    fn a_phrase_is_found_across_lines_of_a_comment_and_not_across_sentences() {
        let expected = ["a.rs:2: avoid the word `had its day`"];
        assert_eq!(found("a.rs", "//! x\n/// which had its\n    /// day.\n"), expected);
        assert_eq!(
            found("a.rs", "fn it_had_its_day() {}"),
            ["a.rs:1: avoid the word `had its day`"]
        );
        assert_eq!(found("a.rs", "/// It had its. Day\n/// What it had.\n/// Its day"), [""; 0]);
    }

    #[test]
    fn the_name_of_a_type_is_banned_in_code_alone_and_with_its_case() {
        assert_eq!(found("a.rs", "struct Widgets;"), ["a.rs:1: avoid the word `Widgets`"]);
        assert_eq!(found("a.rs", "let widgets = 1;"), [""; 0]);
        assert_eq!(found("a.md", "Widgets"), [""; 0]);
    }

    #[test]
    fn only_a_page_that_explains_a_word_may_quote_it() {
        let text = "Not `gizmo`, \"gizmo\" or \u{201c}gizmo\u{201d}: part.\n";
        assert_eq!(found("STYLE.md", text), [""; 0]);
        assert_eq!(found("STYLE.md", "A gizmo.").len(), 1);
        assert_eq!(found("docs/STYLE.md", text).len(), 3);
    }
}
