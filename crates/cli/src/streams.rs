//! Where the program reads and writes: the process's own streams, or those of a test.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use crate::error::Error;

/// Standard input, output and error.
pub struct Streams<'a> {
    /// What `-` reads.
    pub input: &'a mut dyn Read,
    /// What was asked for, and nothing else.
    pub output: &'a mut dyn Write,
    /// Problems and notes.
    pub errors: &'a mut dyn Write,
    /// Whether help may be coloured.
    pub colour: bool,
}

impl std::fmt::Debug for Streams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("colour", &self.colour).finish_non_exhaustive()
    }
}

impl Streams<'_> {
    pub(crate) fn of_process<T>(work: impl FnOnce(&mut Streams<'_>) -> T) -> T {
        let colour =
            io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        work(&mut Streams {
            input: &mut io::stdin(),
            output: &mut io::stdout(),
            errors: &mut io::stderr(),
            colour,
        })
    }

    /// Writes to the output. A reader that has had enough (`| head`) is no error.
    ///
    /// # Errors
    /// [`Error::Output`]: a full disk, say.
    pub fn print(&mut self, text: &str) -> Result<(), Error> {
        match self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
            _ => Ok(()),
        }
    }

    /// Writes to the errors. Where that fails, there is nobody left to tell.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.errors, "{text}");
    }

    /// Tells an error and what caused it; what an error says of its cause is not said again.
    pub fn complain(&mut self, error: &dyn std::error::Error) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(current) = cause {
            let more = current.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = current.source();
        }
        self.say(&format!("error: {text}"));
    }

    /// An error that ends the program.
    pub(crate) fn failure(&mut self, error: &Error) -> ExitCode {
        self.complain(error);
        ExitCode::FAILURE
    }

    /// Help, the version, or arguments that cannot be understood.
    pub(crate) fn usage(&mut self, error: &clap::Error) -> ExitCode {
        let rendered = error.render();
        let text = if self.colour { rendered.ansi().to_string() } else { rendered.to_string() };
        if error.use_stderr() {
            self.say(text.trim_end());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        match self.print(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => self.failure(&error),
        }
    }
}
