//! Markdown for GitHub.

use std::collections::BTreeMap;

/// `text` as code, with a fence that is longer than any backticks in it.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        return "`\"\"`".to_owned();
    }
    let text = text.replace(['\n', '\r'], " ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let stripped = |c: char| c == '`' || c == ' ';
    let pad = if text.starts_with(stripped) || text.ends_with(stripped) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Prose: code and lists keep their meaning, everything else is escaped.
pub(super) fn prose(text: &str) -> String {
    let lines = text.trim().lines().map(|line| {
        let content = line.trim();
        let marker = ["- ", "* ", "+ "].iter().find(|marker| content.starts_with(**marker));
        match marker {
            Some(_) => format!("- {}", inline(&content[2..])),
            None if content.starts_with('#') => format!("\\{}", inline(content)),
            None => inline(content),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Prose on one line.
pub(super) fn inline(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<&str> = text.split('`').collect();
    // An unpaired backtick is an ordinary character.
    let even = parts.len() % 2 == 1;
    let mut out = String::with_capacity(text.len());
    for (index, part) in parts.iter().enumerate() {
        match index % 2 {
            1 if even => out.push_str(&code(part)),
            1 => {
                out.push_str("\\`");
                out.push_str(&escaped(part));
            }
            _ if index > 0 && !even => {
                out.push_str("\\`");
                out.push_str(&escaped(part));
            }
            _ => out.push_str(&escaped(part)),
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Escapes a word. A word with a dollar sign becomes code: GitHub renders text between two dollar
/// signs as a formula.
fn word(word: &str) -> String {
    if word.contains('$') {
        let end = word.trim_end_matches(['.', ',', ';', ':']).len();
        return code(&word[..end]) + &word[end..];
    }
    let mut out = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    while let Some(c) = rest.next() {
        let entity = c == '&'
            && rest.peek().is_some_and(|next| next.is_ascii_alphanumeric() || *next == '#');
        if entity || matches!(c, '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A table cell: one line, with escaped bars.
pub(super) fn cell(markdown: &str) -> String {
    markdown.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A list without a final line break.
pub(super) fn list(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n")
}

/// A table.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let cell = |text: &str| if text.is_empty() { " |".to_owned() } else { format!(" {text} |") };
    let line =
        |cells: &[String; N]| format!("|{}\n", cells.each_ref().map(|text| cell(text)).concat());
    let mut out = line(&head.map(str::to_owned)) + &format!("|{}\n", "---|".repeat(N));
    out.extend(rows.iter().map(line));
    out
}

/// Anchors that GitHub generates for headings.
#[derive(Default)]
pub(super) struct Anchors {
    seen: BTreeMap<String, usize>,
}

impl Anchors {
    /// The anchor of the next heading: letters, digits, hyphens and underscores in lower case, with
    /// a number if an earlier heading has the same anchor.
    pub(super) fn next(&mut self, heading: &str) -> String {
        let kept = heading.to_lowercase();
        let kept: String =
            kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ')).collect();
        let anchor = kept.replace(' ', "-");
        let count = self.seen.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_shows_any_text_unchanged() {
        assert_eq!(code("a|b"), "`a|b`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code("a\nb"), "`a b`");
        assert_eq!(code(" "), "`   `");
        assert_eq!(code(""), "`\"\"`");
    }

    #[test]
    fn prose_escapes_the_characters_of_markdown() {
        assert_eq!(
            prose("no * and no _, <b>, [x](y), ~z~ or \\"),
            "no \\* and no \\_, \\<b\\>, \\[x\\](y), \\~z\\~ or \\\\"
        );
        assert_eq!(prose("A & B, &amp; and &#36;"), "A & B, \\&amp; and \\&#36;");
        assert_eq!(prose("# 1\nsecond"), "\\# 1\nsecond");
    }

    #[test]
    fn code_in_prose_stays_code_and_an_unpaired_backtick_is_escaped() {
        assert_eq!(prose("`kubectl a_b` sets a_b"), "`kubectl a_b` sets a\\_b");
        assert_eq!(prose("one ` alone_"), "one \\` alone\\_");
        assert_eq!(prose("`a` and ` alone"), "\\`a\\` and \\` alone");
    }

    #[test]
    fn a_word_with_a_dollar_sign_becomes_code() {
        assert_eq!(
            prose("$(NAME) stands for it, and $$ for a $."),
            "`$(NAME)` stands for it, and `$$` for a `$`."
        );
    }

    #[test]
    fn lists_keep_their_meaning() {
        assert_eq!(prose("One of:\n\n* a_b\n- c"), "One of:\n\n- a\\_b\n- c");
    }

    #[test]
    fn a_bar_in_a_cell_is_escaped_and_an_empty_cell_is_one_space() {
        let rows = [[cell("`a|b`\n\nc"), String::new(), String::new()]];
        assert_eq!(
            table(["x", "y", "z"], &rows),
            "| x | y | z |\n|---|---|---|\n| `a\\|b` c | | |\n"
        );
    }

    #[test]
    fn anchors_are_those_of_github() {
        let mut anchors = Anchors::default();
        let all: Vec<String> = [
            "spec.env[].name",
            "spec.env.name",
            "Columns of kubectl get",
            "spec.env[].name",
            "a_b-c",
        ]
        .map(|h| anchors.next(h))
        .into();
        assert_eq!(
            all,
            ["specenvname", "specenvname-1", "columns-of-kubectl-get", "specenvname-2", "a_b-c"]
        );
    }
}
