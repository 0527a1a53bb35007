//! What a person sees: headings, the commands that are run, errors. Results go to standard output,
//! the rest to standard error, with colours only on a terminal.

use std::error::Error;
use std::fmt::Display;
use std::io::{IsTerminal, stderr};

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

fn styled(style: &str, text: impl Display) -> String {
    if stderr().is_terminal() { format!("{style}{text}{RESET}") } else { text.to_string() }
}

/// The beginning of a part.
pub(crate) fn heading(text: impl Display) {
    eprintln!("{}", styled(BOLD, text));
}

/// A program that is about to run, as one would type it.
pub(crate) fn command(text: impl Display) {
    eprintln!("{}", styled(DIM, format_args!("$ {text}")));
}

/// Something worth knowing.
pub(crate) fn note(text: impl Display) {
    eprintln!("{text}");
}

/// Something that went well.
pub(crate) fn done(text: impl Display) {
    eprintln!("{} {text}", styled(GREEN, "✓"));
}

/// An error with its causes.
pub(crate) fn error(error: &dyn Error) {
    eprintln!("{} {error}", styled(RED, "error:"));
    let mut shown = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !shown.contains(&text) {
            eprintln!("  because: {text}");
        }
        shown = text;
        cause = error.source();
    }
}
