//! Messages for the user on standard error, with colours on a terminal. Results go to standard
//! output.

use std::error::Error;
use std::fmt::Display;
use std::io::{IsTerminal, stderr};

use kubewright_core::internals::causes::with_causes;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

fn styled(style: &str, text: impl Display) -> String {
    if stderr().is_terminal() { format!("{style}{text}{RESET}") } else { text.to_string() }
}

/// The title of a section.
pub(crate) fn heading(text: impl Display) {
    eprintln!("{}", styled(BOLD, text));
}

/// A command that is about to run.
pub(crate) fn command(text: impl Display) {
    eprintln!("{}", styled(DIM, format_args!("$ {text}")));
}

/// A message.
pub(crate) fn note(text: impl Display) {
    eprintln!("{text}");
}

/// A success.
pub(crate) fn done(text: impl Display) {
    eprintln!("{} {text}", styled(GREEN, "✓"));
}

/// An error with its causes.
pub(crate) fn error(error: &dyn Error) {
    eprintln!("{} {}", styled(RED, "error:"), with_causes(error));
}
