//! Other programs: a call as data, how a person would type it, and running it. Which programs are
//! called, and what a failure means, is the callers' business.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Output, Stdio};

use crate::terminal;

/// Ends the text that a program reads, where the call is shown.
const END: &str = "EOF";

/// What a program reads from its standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing.
    None,
    /// This text.
    Text(String),
}

/// A call of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The program: a name to be found on `PATH`, or a path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables that are set for it.
    pub environment: Vec<(String, String)>,
    /// What it reads.
    pub input: Input,
    /// Where it runs; `None` for where we are.
    pub folder: Option<PathBuf>,
}

/// A program could not be run, or did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It is not there.
    #[error("there is no `{program}` on PATH; install it and try again")]
    NotFound {
        /// Which program.
        program: String,
    },
    /// It could not be started.
    #[error(
        "`{program}` could not be run: {source}; check that it is executable and made for this machine"
    )]
    NotRun {
        /// Which program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It failed.
    #[error("`{command}` failed ({status}){}", output(.detail))]
    Failed {
        /// The call.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed, where it was not shown already.
        detail: String,
    },
}

fn output(detail: &str) -> String {
    if detail.is_empty() { "; what it printed is above".to_owned() } else { format!(":\n{detail}") }
}

impl Invocation {
    /// A call without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        let program = program.into();
        Self {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            input: Input::None,
            folder: None,
        }
    }

    /// `cargo`, the one that runs us.
    pub fn cargo() -> Self {
        Self::new("cargo")
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, argument: impl Into<String>) -> Self {
        self.args([argument])
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Reads `text` from its standard input.
    #[must_use]
    pub fn stdin_text(mut self, text: impl Into<String>) -> Self {
        self.input = Input::Text(text.into());
        self
    }

    /// Runs in a folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Runs it with its output going where ours goes.
    ///
    /// # Errors
    /// [`RunError`] also when it fails.
    pub fn run(&self) -> Result<(), RunError> {
        let status = self.status()?;
        if status.success() { Ok(()) } else { Err(self.failed(status, String::new())) }
    }

    /// Shows it, and runs it with its output going where ours goes.
    ///
    /// # Errors
    /// [`RunError`] also when it fails.
    pub fn show_and_run(&self) -> Result<(), RunError> {
        terminal::command(self);
        self.run()
    }

    /// Runs it with its output going where ours goes, and says how it ended.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be started.
    pub fn status(&self) -> Result<ExitStatus, RunError> {
        self.start(self.command())?.wait().map_err(|source| self.not_run(source))
    }

    /// Runs it and returns what it prints.
    ///
    /// # Errors
    /// [`RunError`] also when it fails.
    pub fn capture(&self) -> Result<String, RunError> {
        let output = self.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(self.failed(output.status, text(&output.stderr).trim().to_owned()))
    }

    /// Runs it and returns what it prints to its standard output; errors go where ours go.
    ///
    /// # Errors
    /// [`RunError`] also when it fails.
    pub fn capture_stdout(&self) -> Result<String, RunError> {
        let mut command = self.command();
        command.stdout(Stdio::piped());
        let output =
            self.start(command)?.wait_with_output().map_err(|source| self.not_run(source))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failed(output.status, String::new()))
    }

    /// Runs it, shows what it prints, and says how it ended and what it printed.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be started.
    pub fn tee(&self) -> Result<(ExitStatus, String), RunError> {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.start(command)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let printed = std::thread::scope(|scope| {
            let errors = scope.spawn(|| pass_on(stderr));
            pass_on(stdout) + &errors.join().unwrap_or_default()
        });
        let status = child.wait().map_err(|source| self.not_run(source))?;
        Ok((status, printed))
    }

    /// Runs it and returns what it prints and how it ended.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be started.
    pub fn output(&self) -> Result<Output, RunError> {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.start(command)?.wait_with_output().map_err(|source| self.not_run(source))
    }

    /// Starts it and hands it what it is to read. That is small: it fits into a pipe, so nobody
    /// waits for anybody.
    fn start(&self, mut command: Command) -> Result<Child, RunError> {
        let mut child = command.spawn().map_err(|source| self.not_run(source))?;
        if let (Input::Text(text), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            // A program that ends before it read everything says why with its exit status.
            let _ = stdin.write_all(text.as_bytes());
        }
        Ok(child)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os().filter(|(name, _)| is_about_us(name)) {
            command.env_remove(name);
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(if self.input == Input::None { Stdio::null() } else { Stdio::piped() });
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    fn not_run(&self, source: io::Error) -> RunError {
        let program = self.program.clone();
        match source.kind() {
            io::ErrorKind::NotFound => RunError::NotFound { program },
            _ => RunError::NotRun { program, source },
        }
    }

    fn failed(&self, status: ExitStatus, detail: String) -> RunError {
        RunError::Failed { command: self.to_string(), status, detail }
    }
}

/// Whether cargo set this variable when it ran us. Handed on, it would look like a change to build
/// scripts that ask for it (ring's does), and much would be compiled again, back and forth.
fn is_about_us(variable: &OsStr) -> bool {
    let variable = variable.to_string_lossy();
    ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

/// Shows what comes out of `stream` as it comes, and returns it.
fn pass_on(stream: Option<impl Read>) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    if let Some(mut stream) = stream {
        // An error is an end like the other one: the exit status says the rest.
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            let _ = io::stderr().write_all(&piece[..length]);
            all.extend_from_slice(&piece[..length]);
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Runs `command`, writing `text` to its standard input, and returns what it prints.
pub(crate) fn feed(command: &mut Command, text: &str) -> Result<String, RunError> {
    let program = shown(command);
    let not_run = |source| RunError::NotRun { program: program.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = command.spawn().map_err(not_run)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends before it read everything says why with its exit status.
        let _ = stdin.write_all(text.as_bytes());
    }
    finished(program.clone(), &child.wait_with_output().map_err(not_run)?)
}

/// Runs `command` and returns what it prints.
pub(crate) fn ask(command: &mut Command) -> Result<String, RunError> {
    let program = shown(command);
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| RunError::NotRun { program: program.clone(), source })?;
    finished(program, &output)
}

fn finished(command: String, output: &Output) -> Result<String, RunError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(RunError::Failed {
        command,
        status: output.status,
        detail: text(&output.stderr).trim().to_owned(),
    })
}

/// The exit code of a program, to exit with; a failure if a signal ended the program.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Invocation {
    /// As one would type it into a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        match &self.input {
            Input::None => Ok(()),
            Input::Text(text) => {
                write!(
                    f,
                    " <<'{END}'\n{text}{newline}{END}",
                    newline = if text.ends_with('\n') { "" } else { "\n" }
                )
            }
        }
    }
}

/// `word` as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_shown_as_one_would_type_it() {
        let call =
            Invocation::cargo().args(["doc", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(call.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace");
        assert_eq!(Invocation::new("echo").arg("it's").arg("").to_string(), r"echo 'it'\''s' ''");
    }

    #[test]
    fn what_is_shown_is_what_a_shell_runs() {
        let hostile = "a'b \"c\" $HOME `x` \\ *";
        let typed = Invocation::new("printf").args(["%s", hostile]).to_string();
        assert_eq!(Invocation::new("sh").args(["-c", &typed]).capture().unwrap(), hostile);
        let reads = Invocation::new("cat").stdin_text("$HOME\n`x`\n");
        assert_eq!(reads.capture().unwrap(), "$HOME\n`x`\n");
        assert_eq!(
            Invocation::new("sh").args(["-c", &reads.to_string()]).capture().unwrap(),
            "$HOME\n`x`\n"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_what_to_do() {
        let error = Invocation::new("no-such-program").run().unwrap_err().to_string();
        assert_eq!(error, "there is no `no-such-program` on PATH; install it and try again");
    }

    #[test]
    fn a_failure_names_the_call_and_shows_what_it_printed() {
        let error = Invocation::new("sh")
            .args(["-c", "echo why >&2; exit 3"])
            .capture()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("exit 3'` failed (exit status: 3)") && error.ends_with(":\nwhy"),
            "{error}"
        );
    }

    #[test]
    fn what_cargo_says_about_us_is_not_handed_on() {
        assert!(env::var_os("CARGO_PKG_NAME").is_some(), "cargo runs this test");
        let seen = Invocation::new("env").capture().unwrap();
        assert!(seen.contains("PATH=") && !seen.contains("CARGO_PKG_"), "{seen}");
    }

    #[test]
    fn what_is_shown_is_also_returned() {
        let (status, printed) =
            Invocation::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).tee().unwrap();
        assert_eq!((status.code(), printed.as_str()), (Some(3), "out\nerr\n"));
    }

    #[test]
    fn a_program_is_fed_through_its_standard_input() {
        assert_eq!(feed(&mut Command::new("cat"), "text").unwrap(), "text");
    }
}
