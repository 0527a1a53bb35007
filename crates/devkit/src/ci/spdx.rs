//! Licence expressions (SPDX): `(MIT OR Apache-2.0) AND Unicode-3.0`.

use super::error::CiError;

/// Whether `expression` can be satisfied with the `allowed` licences.
pub(super) fn is_allowed(expression: &str, allowed: &[String]) -> Result<bool, CiError> {
    // Older packages write `/` instead of `OR`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, allowed };
    let error = |reason| CiError::Expression { expression: expression.to_owned(), reason };
    let result = parser.any().map_err(error)?;
    if parser.words.is_empty() { Ok(result) } else { Err(error("unexpected text at the end")) }
}

struct Parser<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl<'a> Parser<'a> {
    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words = &self.words[1..];
        }
        is_next
    }

    /// `a OR b`; `AND` binds stronger.
    fn any(&mut self) -> Result<bool, &'static str> {
        let mut result = self.all()?;
        while self.take_if("OR") {
            result |= self.all()?;
        }
        Ok(result)
    }

    fn all(&mut self) -> Result<bool, &'static str> {
        let mut result = self.one()?;
        while self.take_if("AND") {
            result &= self.one()?;
        }
        Ok(result)
    }

    fn one(&mut self) -> Result<bool, &'static str> {
        match self.take() {
            Some("(") => {
                let result = self.any()?;
                if self.take_if(")") { Ok(result) } else { Err("a closing parenthesis is missing") }
            }
            None | Some(")" | "OR" | "AND" | "WITH") => Err("a licence is missing"),
            Some(licence) => {
                if !self.take_if("WITH") {
                    return Ok(self.allows(licence));
                }
                let exception = self.take().ok_or("an exception is missing")?;
                // An exception only removes conditions.
                Ok(self.allows(licence) || self.allows(&format!("{licence} WITH {exception}")))
            }
        }
    }

    fn allows(&self, licence: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == licence)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn allowed(expression: &str) -> bool {
        is_allowed(expression, &["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned)).unwrap()
    }

    #[test]
    fn or_needs_one_allowed_licence() {
        assert!(allowed("MIT"));
        assert!(allowed("GPL-3.0 OR MIT"));
        assert!(allowed("Unlicense/MIT"));
        assert!(!allowed("GPL-3.0"));
    }

    #[test]
    fn and_needs_all_licences() {
        assert!(allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(!allowed("MIT AND GPL-3.0"));
        assert!(!allowed("(GPL-3.0 OR ISC) AND MIT"));
    }

    #[test]
    fn and_binds_stronger_than_or() {
        assert!(allowed("MIT OR GPL-3.0 AND ISC"));
        assert!(!allowed("GPL-3.0 OR MIT AND ISC"));
    }

    #[test]
    fn an_exception_only_removes_conditions() {
        assert!(allowed("Apache-2.0 WITH LLVM-exception OR GPL-3.0"));
        assert!(!allowed("GPL-3.0 WITH Classpath-exception-2.0"));
    }

    #[test]
    fn an_invalid_expression_is_an_error() {
        for expression in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "MIT)", "MIT WITH"] {
            assert!(is_allowed(expression, &[]).is_err(), "{expression}");
        }
    }
}
