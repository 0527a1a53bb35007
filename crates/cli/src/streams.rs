//! Input and output streams of the program: those of the process, or those of a test. Text from
//! files and from the cluster is escaped here: a terminal executes control characters.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use kubewright_core::internals::printable::{escape_line, escape_lines};

use crate::error::Error;

/// Standard input, output and error.
pub struct Streams<'a> {
    /// Input that `-` reads.
    pub input: &'a mut dyn Read,
    /// Result of the command only.
    pub output: &'a mut dyn Write,
    /// Errors and notes.
    pub errors: &'a mut dyn Write,
    /// Whether help is coloured. Nothing else is.
    pub colour: bool,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("colour", &self.colour).finish_non_exhaustive()
    }
}

impl Streams<'_> {
    pub(crate) fn with_process_streams<T>(action: impl FnOnce(&mut Streams<'_>) -> T) -> T {
        let colour =
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        action(&mut Streams {
            input: &mut io::stdin(),
            output: &mut io::stdout(),
            errors: &mut io::stderr(),
            colour,
        })
    }

    /// Writes to the output, with control characters escaped. A closed pipe (`| head`) is not an
    /// error.
    ///
    /// # Errors
    /// [`Error::Output`], for example on a full disk.
    pub fn print(&mut self, text: &str) -> Result<(), Error> {
        self.write(&escape_lines(text))
    }

    fn write(&mut self, text: &str) -> Result<(), Error> {
        match self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
            _ => Ok(()),
        }
    }

    /// Writes lines to the error stream. A failure is ignored: no other stream is left.
    pub(crate) fn print_message(&mut self, text: &str) {
        let _ = writeln!(self.errors, "{}", escape_lines(text));
    }

    /// Writes an error that ends the program, with its causes, and returns the exit code. A cause
    /// that the text already contains is not repeated.
    pub(crate) fn print_error(&mut self, error: &Error) -> ExitCode {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(current) = cause {
            let more = current.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = current.source();
        }
        self.print_message(&format!("error: {}", escape_line(&text)));
        ExitCode::FAILURE
    }

    /// Writes help, the version or an argument error, and returns the exit code.
    pub(crate) fn print_usage(&mut self, error: &clap::Error) -> ExitCode {
        let rendered = error.render();
        // An argument error repeats arguments, which a script may have copied from elsewhere.
        if error.use_stderr() {
            self.print_message(rendered.to_string().trim_end());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        let help = if self.colour { rendered.ansi().to_string() } else { rendered.to_string() };
        match self.write(&help) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => self.print_error(&error),
        }
    }
}
