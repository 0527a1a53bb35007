//! Writing results and messages. A terminal executes control characters and reorders text, and
//! much of the text comes from other users of the cluster: everything is escaped here.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use kubewright_core::internals::printable::{escape_json, escape_line, escape_lines};
use serde_json::Value;

use crate::error::{Error, USAGE};

/// Standard output and standard error, or their replacements in a test.
pub(crate) struct Output<'a> {
    /// The result alone.
    pub(crate) out: &'a mut dyn Write,
    /// Progress, notes and errors.
    pub(crate) err: &'a mut dyn Write,
}

impl Output<'_> {
    /// Writes lines to standard output. A reader that stops early (`| head`) is not an error.
    pub(crate) fn print(&mut self, lines: &str) -> Result<(), Error> {
        let text = escape_lines(lines);
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Output(error)),
            _ => Ok(()),
        }
    }

    /// Writes one line to standard error. A failure to write it is ignored.
    pub(crate) fn note(&mut self, line: &str) {
        let _ = writeln!(self.err, "{}", escape_line(line));
    }

    pub(crate) fn error(&mut self, error: &Error) {
        self.note(&format!("error: {error}"));
    }

    /// Writes help, the version or a usage error, and returns the exit code.
    pub(crate) fn usage(&mut self, error: &clap::Error) -> ExitCode {
        // A usage error repeats arguments, which a script may have copied from elsewhere. Help
        // repeats none, and only clap knows whether the terminal shows colours.
        let _ = if error.use_stderr() {
            self.err.write_all(escape_lines(&error.render().to_string()).as_bytes())
        } else {
            error.print()
        };
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
    }
}

/// Indented JSON that ends with a line break. Unsafe characters are `\u` escapes.
pub(crate) fn to_json(value: &Value) -> Result<String, Error> {
    Ok(escape_json(&serde_json::to_string_pretty(value)?).into_owned() + "\n")
}

/// A JSON string with its quotes, which is also a double-quoted YAML scalar.
pub(crate) fn to_json_string(text: &str) -> String {
    escape_json(&Value::from(text).to_string()).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use kubewright_core::internals::printable::is_unsafe;
    use serde_json::json;

    use super::*;

    pub(crate) fn unsafe_characters() -> Vec<char> {
        ('\0'..='\u{ffff}').filter(|&c| is_unsafe(c)).collect()
    }

    /// Calls `write` and returns what it wrote to standard output and standard error.
    fn written(write: impl FnOnce(&mut Output<'_>)) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write(&mut Output { out: &mut out, err: &mut err });
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn standard_output_and_standard_error_contain_no_unsafe_characters() {
        for c in unsafe_characters() {
            let text = format!("a{c}b");
            let error = Error::Forbidden { message: text.clone() };
            let (out, err) = written(|output| {
                output.print(&text).unwrap();
                output.note(&text);
                output.error(&error);
            });
            assert!(c == '\n' || !out.contains(c), "{:x}", u32::from(c));
            let lines: Vec<&str> = err.split('\n').collect();
            assert!(lines.len() == 3 && !lines.concat().contains(c), "{err:?}");
        }
    }

    #[test]
    fn json_contains_unsafe_characters_as_escapes_and_keeps_their_values() {
        let text: String = unsafe_characters().into_iter().collect();
        let value = json!({ "message": text, text.clone(): [1, true, null] });
        let json = to_json(&value).unwrap();
        assert!(json.contains("\\u001b") && json.contains("\\u007f") && json.contains("\\u202e"));
        assert!(!json.contains(|c| c != '\n' && is_unsafe(c)), "{json:?}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        let string = to_json_string(&text);
        assert!(!string.contains(is_unsafe), "{string:?}");
        assert_eq!(serde_json::from_str::<String>(&string).unwrap(), text);
    }
}
