//! Rust source as nested tokens. Comments and the content of literals are dropped, because no
//! import stands in them.

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree};

/// A piece of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An identifier or a keyword.
    Word { text: String, line: usize },
    /// A character of an operator; a literal is the mark `"`.
    Mark(char),
    /// What stands between `(`, `[` or `{` and its end.
    Group { open: char, inner: Vec<Token> },
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Word { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_mark(&self, mark: char) -> bool {
        *self == Self::Mark(mark)
    }

    /// The content of a group that begins with `open`.
    pub(super) fn group(&self, open: char) -> Option<&[Token]> {
        match self {
            Self::Group { open: begin, inner } if *begin == open => Some(inner),
            _ => None,
        }
    }
}

/// Reads source that compiles.
pub(super) fn read(source: &str) -> Result<Vec<Token>, LexError> {
    Ok(tokens_in(source.parse()?))
}

fn tokens_in(stream: TokenStream) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        tokens.push(match tree {
            TokenTree::Punct(mark) if matches!(mark.as_char(), '$' | '\'') => {
                // A lifetime, or `$crate` and the variables of a macro, which depend on its caller.
                trees.next_if(|next| matches!(next, TokenTree::Ident(_)));
                continue;
            }
            TokenTree::Punct(mark) => Token::Mark(mark.as_char()),
            TokenTree::Literal(_) => Token::Mark('"'),
            TokenTree::Ident(name) => Token::Word {
                text: name.to_string().trim_start_matches("r#").to_owned(),
                line: name.span().start().line,
            },
            TokenTree::Group(group) => Token::Group {
                open: match group.delimiter() {
                    Delimiter::Parenthesis => '(',
                    Delimiter::Bracket => '[',
                    Delimiter::Brace => '{',
                    Delimiter::None => ' ',
                },
                inner: tokens_in(group.stream()),
            },
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<Token> {
        super::read(source).unwrap_or_default()
    }

    /// Words and marks with spaces between them, groups in their brackets.
    fn shown(tokens: &[Token]) -> String {
        let one = |token: &Token| match token {
            Token::Word { text, .. } => text.clone(),
            Token::Mark(mark) => mark.to_string(),
            Token::Group { open, inner } => format!("{open} {} .", shown(inner)),
        };
        tokens.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn groups_are_nested() {
        assert_eq!(shown(&read("a::{b, c[d](e)};")), "a : : { b , c [ d . ( e . . ;");
    }

    #[test]
    fn comments_and_the_content_of_literals_are_dropped() {
        let source = r##"
            // a {
            /* b /* { */ c */ x // d
            "e \" {" r"f { \" r#"g " {"# b"h {" '{' '\'' '\u{7b}' b'{' &'static i: 'a
        "##;
        assert_eq!(shown(&read(source)), r#"x " " " " " " " " & i :"#);
    }

    #[test]
    fn a_raw_identifier_is_its_name() {
        assert_eq!(shown(&read("r#type::x br")), "type : : x br");
    }

    #[test]
    fn variables_of_macros_are_dropped() {
        assert_eq!(shown(&read("$crate::a::b $name:ty $($x)*")), ": : a : : b : ty (  . *");
    }

    #[test]
    fn a_word_knows_its_line() {
        let tokens = read("a\n/* \n */ \"\n\" b");
        assert_eq!(tokens[2], Token::Word { text: "b".into(), line: 4 });
    }
}
