//! The Go toolchain: finds it, checks its version, and explains why it failed. [`super::build`]
//! decides what to build.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::binary::Binary;
use super::environment::Environment;
use super::error::AssetsError;
use super::probe;
use crate::command;

/// The minimum Go version of the pinned modules.
const NEEDED: (u32, u32) = (1, 26);
/// Since this version Go downloads a newer toolchain when it needs one.
const FETCHES_TOOLCHAINS: (u32, u32) = (1, 21);
/// Folders of Go's own packages. A shell that is not a login shell often lacks them in `PATH`.
const USUAL_PLACES: [&str; 3] = ["/usr/local/go/bin", "/opt/homebrew/bin", "/snap/bin"];

/// A Go toolchain that can build the pinned modules.
#[derive(Debug)]
pub(super) struct Go {
    path: PathBuf,
    version: String,
    /// The value for GOTOOLCHAIN; `None` keeps the value of the environment.
    toolchain: Option<&'static str>,
}

impl Go {
    /// The first Go in `PATH` or in one of the [`USUAL_PLACES`].
    pub(super) fn find(environment: &Environment, missing: &[Binary]) -> Result<Self, AssetsError> {
        let mut folders = environment.path_folders();
        folders.extend(USUAL_PLACES.map(PathBuf::from));
        let path = folders
            .into_iter()
            .map(|folder| folder.join("go"))
            .find(|path| probe::is_executable(path))
            .ok_or_else(|| AssetsError::NoGo { missing: missing.to_vec() })?;
        // `local` prints the version of this Go. Otherwise a go.mod above the current folder
        // chooses one.
        let mut ask = Command::new(&path);
        ask.arg("version").env("GOTOOLCHAIN", "local");
        let output = command::output(&mut ask, Duration::from_secs(20))
            .map_err(|source| AssetsError::Go { go: path.clone(), source })?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let toolchain = toolchain(&version, environment.go_toolchain.as_deref())?;
        Ok(Self { path, version, toolchain })
    }

    /// A `go` command in `folder` whose result does not depend on other settings of this machine.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("CGO_ENABLED", "0")
            .env("GO111MODULE", "on")
            .env("GOWORK", "off");
        for variable in ["GOOS", "GOARCH", "GOEXPERIMENT", "GODEBUG"] {
            command.env_remove(variable);
        }
        if let Some(toolchain) = self.toolchain {
            command.env("GOTOOLCHAIN", toolchain);
        }
        command
    }

    /// Runs Go in `folder`, passes each line of standard error to `line`, and returns standard
    /// output. `target` names what is built, for errors.
    pub(super) fn run(
        &self,
        folder: &Path,
        arguments: &[&str],
        target: &str,
        mut line: impl FnMut(&str),
    ) -> Result<String, AssetsError> {
        let failed = |source| AssetsError::Go { go: self.path.clone(), source };
        let mut command = self.command(folder, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command::spawn(&mut command).map_err(failed)?;
        let stdout = child.stdout.take();
        let reader = std::thread::spawn(move || stdout.map(std::io::read_to_string));
        let mut printed = String::new();
        if let Some(stderr) = child.stderr.take() {
            for text in BufReader::new(stderr).lines().map_while(Result::ok) {
                line(&text);
                printed.push_str(&text);
                printed.push('\n');
            }
        }
        let status = child.wait().map_err(failed)?;
        if !status.success() {
            return Err(self.explain(target, &printed));
        }
        Ok(reader.join().ok().flatten().and_then(Result::ok).unwrap_or_default())
    }

    /// The error for a failed run that printed `stderr`.
    fn explain(&self, target: &str, stderr: &str) -> AssetsError {
        let detail = command::last_lines(stderr, 15);
        let target = target.to_owned();
        match reason(stderr) {
            Reason::Toolchain => {
                AssetsError::GoTooOld { found: self.version.clone(), detail: Some(detail) }
            }
            Reason::Network => AssetsError::Network { target, detail },
            Reason::DiskFull => AssetsError::DiskFull { target, detail },
            Reason::Killed => AssetsError::Killed { target, detail },
            Reason::Checksum => AssetsError::Checksum { target, detail },
            Reason::Other => AssetsError::Build { target, detail },
        }
    }
}

/// Major and minor number of `go version go1.26.8 linux/amd64`.
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let numbers = version.split_whitespace().find_map(|word| word.strip_prefix("go1."))?;
    let minor: String = numbers.chars().take_while(char::is_ascii_digit).collect();
    Some((1, minor.parse().ok()?))
}

/// The value for GOTOOLCHAIN, for a Go of version `version` and the user's own setting `set`.
fn toolchain(version: &str, set: Option<&str>) -> Result<Option<&'static str>, AssetsError> {
    let too_old = || AssetsError::GoTooOld { found: version.to_owned(), detail: None };
    // A development build prints no number, and is newer than every release.
    let found =
        major_minor(version).unwrap_or(if version.contains("devel") { NEEDED } else { (0, 0) });
    match set {
        _ if found >= NEEDED => Ok(None),
        _ if found < FETCHES_TOOLCHAINS => Err(too_old()),
        Some("local") => Err(too_old()),
        Some(_) => Ok(None),
        // Some distributions set GOTOOLCHAIN=local in the configuration file of their Go package.
        None => Ok(Some("auto")),
    }
}

/// Why a run of Go failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Toolchain,
    Network,
    DiskFull,
    Killed,
    Checksum,
    Other,
}

/// Finds the reason in Go's output. The order matters: a full disk also causes the other errors.
fn reason(stderr: &str) -> Reason {
    let contains_any = |texts: &[&str]| texts.iter().any(|text| stderr.contains(text));
    if contains_any(&["no space left on device", "disk quota exceeded"]) {
        Reason::DiskFull
    } else if contains_any(&["toolchain not available", "go: download go1.", "requires go >= "]) {
        Reason::Toolchain
    } else if contains_any(&["checksum mismatch", "SECURITY ERROR"]) {
        Reason::Checksum
    } else if contains_any(&["signal: killed", "cannot allocate memory", "out of memory"]) {
        Reason::Killed
    } else if contains_any(&[
        "dial tcp",
        "no such host",
        "connection refused",
        "i/o timeout",
        "proxyconnect",
        "TLS handshake timeout",
        "network is unreachable",
        "module lookup disabled by GOPROXY=off",
        "x509: certificate",
        "Service Unavailable",
        "Bad Gateway",
    ]) {
        Reason::Network
    } else {
        Reason::Other
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_new_go_keeps_its_toolchain_setting() {
        assert_eq!(toolchain("go version go1.26.8 linux/amd64", None).unwrap(), None);
        assert_eq!(toolchain("go version go1.26rc1 linux/amd64", Some("local")).unwrap(), None);
        assert_eq!(toolchain("go version devel go1.28-abc Mon linux/arm64", None).unwrap(), None);
    }

    #[test]
    fn an_older_go_downloads_a_newer_one_unless_the_user_forbids_it() {
        let old = "go version go1.22.2 linux/amd64";
        assert_eq!(toolchain(old, None).unwrap(), Some("auto"));
        assert_eq!(toolchain(old, Some("path")).unwrap(), None);
        let error = toolchain(old, Some("local")).unwrap_err().to_string();
        assert!(error.contains("go1.22.2 linux/amd64 is too old"), "{error}");
        assert!(error.contains("GOTOOLCHAIN=auto"), "{error}");
    }

    #[test]
    fn a_go_that_cannot_download_toolchains_is_too_old() {
        assert!(toolchain("go version go1.19.8 linux/amd64", None).is_err());
        assert!(toolchain("nonsense", None).is_err());
    }

    #[test]
    fn the_reason_of_a_failure_is_found_in_the_output_of_go() {
        let cases = [
            ("write /tmp/x: no space left on device", Reason::DiskFull),
            ("go: download go1.26.0 for linux/amd64: toolchain not available", Reason::Toolchain),
            (
                "go: go.mod requires go >= 1.26.0 (running go 1.22.2; GOTOOLCHAIN=local)",
                Reason::Toolchain,
            ),
            ("verifying k8s.io/api@v0.36.3: checksum mismatch", Reason::Checksum),
            ("compile: signal: killed", Reason::Killed),
            (
                "Get \"https://example/mod\": dial tcp: lookup example: no such host",
                Reason::Network,
            ),
            ("module lookup disabled by GOPROXY=off", Reason::Network),
            ("x.go:1:1: syntax error", Reason::Other),
        ];
        for (stderr, expected) in cases {
            assert_eq!(reason(stderr), expected, "{stderr}");
        }
    }

    #[test]
    fn without_go_the_error_names_the_binaries_to_build() {
        let environment =
            Environment { path: Some("/nonexistent".into()), ..Environment::default() };
        // A machine with Go in one of the usual places finds that Go.
        if let Err(error) = Go::find(&environment, &[Binary::Etcd]) {
            assert!(matches!(error, AssetsError::NoGo { missing } if missing == [Binary::Etcd]));
        }
    }
}
