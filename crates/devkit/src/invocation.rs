//! Calls of other programs as data: printing them as shell commands, and running them.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::interrupt::Interrupt;
use crate::terminal;

/// The delimiter of the input in a printed call.
const END: &str = "EOF";
/// The interval of checks whether a program has ended.
const POLL: Duration = Duration::from_millis(20);

/// A call of a program.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    /// A name on `PATH`, or a path.
    program: String,
    arguments: Vec<String>,
    /// Additional environment variables.
    environment: Vec<(String, String)>,
    /// The standard input.
    input: Option<String>,
    /// The working folder; `None` for the current folder.
    folder: Option<PathBuf>,
}

/// A program cannot be started, or it failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("`{program}` is not on PATH; install it and try again")]
    NotFound { program: String },
    #[error(
        "cannot run `{program}`: {source}; check that it is executable and built for this machine"
    )]
    NotRun { program: String, source: io::Error },
    /// `detail` is the output, unless it was shown before.
    #[error("`{command}` failed ({status}){}", output(.detail))]
    Failed { command: String, status: ExitStatus, detail: String },
}

fn output(detail: &str) -> String {
    if detail.is_empty() { "; see its output above".to_owned() } else { format!(":\n{detail}") }
}

impl Invocation {
    /// A call without arguments.
    pub(crate) fn new(program: impl Into<String>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            input: None,
            folder: None,
        }
    }

    /// A call of `cargo`.
    pub(crate) fn cargo() -> Self {
        Self::new("cargo")
    }

    /// Adds arguments.
    pub(crate) fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds one argument.
    pub(crate) fn arg(self, argument: impl Into<String>) -> Self {
        self.args([argument])
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the standard input.
    pub(crate) fn stdin_text(mut self, text: impl Into<String>) -> Self {
        self.input = Some(text.into());
        self
    }

    /// Sets the working folder.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Prints the command, and runs it with inherited output. A failed program is an error.
    pub(crate) fn show_and_run(&self) -> Result<(), RunError> {
        terminal::command(self);
        let status = self.status()?;
        if status.success() { Ok(()) } else { Err(self.failed(status, String::new())) }
    }

    /// Runs the program with inherited output, and returns its exit status.
    pub(crate) fn status(&self) -> Result<ExitStatus, RunError> {
        self.start(self.command())?.wait().map_err(|source| self.start_error(source))
    }

    /// Runs the program with inherited output, and returns its exit status. A SIGTERM of this
    /// process is passed on to the program.
    pub(crate) fn status_until(&self, interrupt: &Interrupt) -> Result<ExitStatus, RunError> {
        let mut child = self.start(self.command())?;
        let mut is_signalled = false;
        loop {
            if let Some(status) = child.try_wait().map_err(|source| self.start_error(source))? {
                return Ok(status);
            }
            if interrupt.is_terminated() && !is_signalled {
                // An error means that the program has exited.
                let _ = kill_process(Pid::from_child(&child), Signal::TERM);
                is_signalled = true;
            }
            thread::sleep(POLL);
        }
    }

    /// Runs the program and returns its standard output. A failed program is an error with its
    /// standard error.
    pub(crate) fn capture(&self) -> Result<String, RunError> {
        self.stdout(Stdio::piped())
    }

    /// Like [`capture`](Self::capture), with inherited standard error.
    pub(crate) fn capture_stdout(&self) -> Result<String, RunError> {
        self.stdout(Stdio::inherit())
    }

    fn stdout(&self, errors: Stdio) -> Result<String, RunError> {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(errors);
        let ended = self.start(command)?.wait_with_output();
        let Output { status, stdout, stderr } = ended.map_err(|source| self.start_error(source))?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&stdout).into_owned());
        }
        Err(self.failed(status, String::from_utf8_lossy(&stderr).trim().to_owned()))
    }

    /// Runs the program, prints its output, and returns the exit status and the output.
    pub(crate) fn tee(&self) -> Result<(ExitStatus, String), RunError> {
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

    /// Starts the program and writes its standard input. The input must fit into a pipe.
    fn start(&self, mut command: Command) -> Result<Child, RunError> {
        let mut child = command.spawn().map_err(|source| self.start_error(source))?;
        if let (Some(text), Some(mut stdin)) = (&self.input, child.stdin.take()) {
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
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
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

impl From<&Command> for Invocation {
    fn from(command: &Command) -> Self {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let call = Self::new(text(command.get_program())).args(command.get_args().map(text));
        let variables =
            command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?))));
        Self { environment: variables.collect(), ..call }
    }
}

/// The exit code of a program; a failure if a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
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
        let Some(text) = &self.input else { return Ok(()) };
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        write!(f, " <<'{END}'\n{text}{newline}{END}")
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
    use std::os::unix::process::ExitStatusExt;

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
        let error = Invocation::new("no-such-program").status().unwrap_err().to_string();
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
    fn a_program_that_is_waited_for_receives_the_signal_that_ends_this_process() {
        let interrupt = Interrupt::terminated_for_test();
        let status = Invocation::new("sleep").arg("3").status_until(&interrupt).unwrap();
        assert_eq!(status.signal(), Some(15), "{status}");
    }

    #[test]
    fn a_command_becomes_a_call_with_its_arguments_and_variables() {
        let mut command = Command::new("sh");
        command.args(["-c", "cat; echo $A"]).env("A", "b").env_remove("C");
        let call = Invocation::from(&command).stdin_text("text ");
        assert_eq!(call.capture().unwrap(), "text b\n");
    }
}
