//! Calls of other programs as data: printing them as shell commands, and running them.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Output, Stdio};

use crate::terminal;

/// The delimiter of the input in a printed call.
const END: &str = "EOF";

/// The standard input of a program.
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
    /// The program: a name on `PATH`, or a path.
    pub program: String,
    /// The arguments.
    pub arguments: Vec<String>,
    /// Additional environment variables.
    pub environment: Vec<(String, String)>,
    /// The standard input.
    pub input: Input,
    /// The working folder; `None` for the current folder.
    pub folder: Option<PathBuf>,
}

/// A program cannot be started, or it failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program is not installed.
    #[error("`{program}` is not on PATH; install it and try again")]
    NotFound {
        /// The program.
        program: String,
    },
    /// The program cannot be started.
    #[error(
        "cannot run `{program}`: {source}; check that it is executable and built for this machine"
    )]
    NotRun {
        /// The program.
        program: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The program failed.
    #[error("`{command}` failed ({status}){}", output(.detail))]
    Failed {
        /// The command.
        command: String,
        /// The exit status.
        status: ExitStatus,
        /// The output, unless it was shown before.
        detail: String,
    },
}

fn output(detail: &str) -> String {
    if detail.is_empty() { "; see its output above".to_owned() } else { format!(":\n{detail}") }
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

    /// A call of `cargo`.
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

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub fn stdin_text(mut self, text: impl Into<String>) -> Self {
        self.input = Input::Text(text.into());
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Runs the program with inherited output.
    ///
    /// # Errors
    /// [`RunError`], also when the program fails.
    pub fn run(&self) -> Result<(), RunError> {
        let status = self.status()?;
        if status.success() { Ok(()) } else { Err(self.failed(status, String::new())) }
    }

    /// Prints the command, and runs it with inherited output.
    ///
    /// # Errors
    /// [`RunError`], also when the program fails.
    pub fn show_and_run(&self) -> Result<(), RunError> {
        terminal::command(self);
        self.run()
    }

    /// Runs the program with inherited output, and returns its exit status.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be started.
    pub fn status(&self) -> Result<ExitStatus, RunError> {
        self.start(self.command())?.wait().map_err(|source| self.start_error(source))
    }

    /// Runs the program and returns its standard output.
    ///
    /// # Errors
    /// [`RunError`], also when the program fails.
    pub fn capture(&self) -> Result<String, RunError> {
        let output = self.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(self.failed(output.status, text(&output.stderr).trim().to_owned()))
    }

    /// Runs the program and returns its standard output. Standard error is inherited.
    ///
    /// # Errors
    /// [`RunError`], also when the program fails.
    pub fn capture_stdout(&self) -> Result<String, RunError> {
        let mut command = self.command();
        command.stdout(Stdio::piped());
        let output =
            self.start(command)?.wait_with_output().map_err(|source| self.start_error(source))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failed(output.status, String::new()))
    }

    /// Runs the program, prints its output, and returns the exit status and the output.
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
        let status = child.wait().map_err(|source| self.start_error(source))?;
        Ok((status, printed))
    }

    /// Runs the program and returns its exit status and its output.
    ///
    /// # Errors
    /// [`RunError`] when it cannot be started.
    pub fn output(&self) -> Result<Output, RunError> {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.start(command)?.wait_with_output().map_err(|source| self.start_error(source))
    }

    /// Starts the program and writes its standard input. The input must fit into a pipe.
    fn start(&self, mut command: Command) -> Result<Child, RunError> {
        let mut child = command.spawn().map_err(|source| self.start_error(source))?;
        if let (Input::Text(text), Some(mut stdin)) = (&self.input, child.stdin.take()) {
            // A program may exit before it reads everything; its exit status explains why.
            let _ = stdin.write_all(text.as_bytes());
        }
        Ok(child)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in env::vars_os().filter(|(name, _)| is_set_for_xtask(name)) {
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

    fn start_error(&self, source: io::Error) -> RunError {
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

/// Whether cargo set this variable for xtask. Build scripts that read it (ring's does) would run
/// again, and much would be compiled each time.
fn is_set_for_xtask(variable: &OsStr) -> bool {
    let variable = variable.to_string_lossy();
    ["CARGO_BIN_", "CARGO_CRATE_", "CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_PRIMARY_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix))
}

/// Prints the bytes of `stream` as they arrive, and returns them.
fn pass_on(stream: Option<impl Read>) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    if let Some(mut stream) = stream {
        // A read error is treated as the end; the exit status has the reason.
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            let _ = io::stderr().write_all(&piece[..length]);
            all.extend_from_slice(&piece[..length]);
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Runs `command` with `text` as standard input, and returns its standard output.
pub(crate) fn feed(command: &mut Command, text: &str) -> Result<String, RunError> {
    let program = command_line(command);
    let start_error = |source| RunError::NotRun { program: program.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = command.spawn().map_err(start_error)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program may exit before it reads everything; its exit status explains why.
        let _ = stdin.write_all(text.as_bytes());
    }
    finished(program.clone(), &child.wait_with_output().map_err(start_error)?)
}

/// Runs `command` and returns its standard output.
pub(crate) fn ask(command: &mut Command) -> Result<String, RunError> {
    let program = command_line(command);
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

/// The exit code of a program; a failure if a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Invocation {
    /// Prints a shell command.
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

/// Quotes a word for a shell.
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
    fn a_call_is_printed_as_a_shell_command() {
        let call =
            Invocation::cargo().args(["doc", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(call.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace");
        assert_eq!(Invocation::new("echo").arg("it's").arg("").to_string(), r"echo 'it'\''s' ''");
    }

    #[test]
    fn a_shell_runs_the_printed_call() {
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
    fn the_error_for_a_missing_program_names_the_remedy() {
        let error = Invocation::new("no-such-program").run().unwrap_err().to_string();
        assert_eq!(error, "`no-such-program` is not on PATH; install it and try again");
    }

    #[test]
    fn the_error_for_a_failed_program_has_the_command_and_the_output() {
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
    fn variables_that_cargo_sets_for_xtask_are_removed() {
        assert!(env::var_os("CARGO_PKG_NAME").is_some(), "cargo runs this test");
        let seen = Invocation::new("env").capture().unwrap();
        assert!(seen.contains("PATH=") && !seen.contains("CARGO_PKG_"), "{seen}");
    }

    #[test]
    fn tee_prints_and_returns_the_output() {
        let (status, printed) =
            Invocation::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).tee().unwrap();
        assert_eq!((status.code(), printed.as_str()), (Some(3), "out\nerr\n"));
    }

    #[test]
    fn feed_writes_the_standard_input() {
        assert_eq!(feed(&mut Command::new("cat"), "text").unwrap(), "text");
    }
}
