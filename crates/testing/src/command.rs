//! Runs programs with a time limit. The caller interprets the output.

use std::io::{self, ErrorKind, Read};
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The interval of checks for the end of a program, and of other waits in this crate.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// Runs `command` and returns its output. After `limit` the program is killed, and the error is
/// `TimedOut`.
pub(crate) fn output(command: &mut Command, limit: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command)?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            let seconds = limit.as_secs();
            return Err(io::Error::new(
                ErrorKind::TimedOut,
                format!("no answer within {seconds} s"),
            ));
        }
        thread::sleep(POLL);
    };
    let text = |reader: JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
    Ok(Output { status, stdout: text(stdout), stderr: text(stderr) })
}

/// Starts a program, and retries while its file is busy: a binary that was just written cannot run
/// while a fork of another thread holds it open.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < deadline =>
            {
                thread::sleep(POLL);
            }
            result => return result,
        }
    }
}

/// The last lines of `text` that are not empty, for error messages.
pub(crate) fn last_lines(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // Output before an error is still worth showing.
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_killed_at_the_limit() {
        let error =
            output(Command::new("sleep").arg("600"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn output_larger_than_a_pipe_is_collected() {
        let mut command = Command::new("head");
        let output =
            output(command.args(["-c", "300000", "/dev/zero"]), Duration::from_secs(30)).unwrap();
        assert_eq!(output.stdout.len(), 300_000);
    }

    #[test]
    fn the_last_lines_skip_empty_lines() {
        assert_eq!(last_lines("a\nb\n\n \nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 5), "a");
    }
}
