//! Rust source as nested tokens. Comments and the content of literals are dropped, because no
//! import stands in them.

use std::iter::Peekable;
use std::str::Chars;

/// A piece of source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An identifier, a keyword or a number.
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

/// Reads source that compiles; other source gives some tokens.
pub(super) fn read(source: &str) -> Vec<Token> {
    let mut reader = Reader { rest: source.chars().peekable(), line: 1 };
    let mut tokens = Vec::new();
    // A closing bracket too many ends a group; the rest follows all the same.
    while reader.rest.peek().is_some() {
        tokens.extend(reader.group());
    }
    tokens
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn next_if(&mut self, wanted: char) -> bool {
        self.rest.peek() == Some(&wanted) && self.next().is_some()
    }

    /// Reads up to the closing bracket of the group that has just begun.
    fn group(&mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(letter) = self.next() {
            match letter {
                ')' | ']' | '}' => return tokens,
                '(' | '[' | '{' => {
                    let inner = self.group();
                    tokens.push(Token::Group { open: letter, inner });
                }
                '/' if self.next_if('/') => while self.next().is_some_and(|c| c != '\n') {},
                '/' if self.next_if('*') => self.block_comment(),
                '"' => {
                    self.string();
                    tokens.push(Token::Mark('"'));
                }
                '\'' => self.character(),
                // `$crate` and the variables of a macro depend on the caller of the macro.
                '$' => drop(self.rest.next_if(|c| c.is_alphabetic()).map(|c| self.word(c))),
                _ if letter.is_alphanumeric() || letter == '_' => {
                    tokens.push(self.word(letter));
                }
                _ if letter.is_whitespace() => {}
                _ => tokens.push(Token::Mark(letter)),
            }
        }
        tokens
    }

    /// A word, or a literal with a prefix: `b"x"`, `r#"x"#`, `r#type`.
    fn word(&mut self, first: char) -> Token {
        let line = self.line;
        let mut text = String::from(first);
        while let Some(letter) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
            text.push(letter);
        }
        let is_prefix = matches!(text.as_str(), "b" | "c" | "r" | "br" | "cr");
        match self.rest.peek() {
            Some('"') if text.ends_with('r') && is_prefix => self.raw_string(0),
            Some('"') if is_prefix => {
                self.next();
                self.string();
            }
            Some('#') if text.ends_with('r') && is_prefix => {
                let mut hashes = 0;
                while self.next_if('#') {
                    hashes += 1;
                }
                match self.rest.peek() {
                    Some('"') => self.raw_string(hashes),
                    // A raw identifier.
                    _ => {
                        return match self.next() {
                            Some(letter) => self.word(letter),
                            None => Token::Mark('#'),
                        };
                    }
                }
            }
            _ => return Token::Word { text, line },
        }
        Token::Mark('"')
    }

    fn string(&mut self) {
        while let Some(letter) = self.next() {
            match letter {
                '\\' => {
                    self.next();
                }
                '"' => return,
                _ => {}
            }
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.next();
        while let Some(letter) = self.next() {
            if letter == '"' && (0..hashes).all(|_| self.next_if('#')) {
                return;
            }
        }
    }

    /// A character or a lifetime, after its quote.
    fn character(&mut self) {
        match self.next() {
            Some('\\') => {
                self.next();
                while self.next().is_some_and(|letter| letter != '\'') {}
            }
            // `'a'` is a character, and `'a` a lifetime, whose name is no import.
            Some(letter) if letter.is_alphanumeric() || letter == '_' => {
                while self.rest.next_if(|c| c.is_alphanumeric() || *c == '_').is_some() {}
                self.next_if('\'');
            }
            _ => {
                self.next_if('\'');
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some('/') if self.next_if('*') => depth += 1,
                Some('*') if self.next_if('/') => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            /* b /* { */ c */ x /// d
            "e \" {" r"f { \" r#"g " {"# b"h {" '{' '\'' '\u{7b}' b'{' &'static i: 'a
        "##;
        assert_eq!(shown(&read(source)), r#"x " " " " b & i :"#);
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
