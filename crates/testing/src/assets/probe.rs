//! Runs a binary to read its version.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::binary::Binary;
use super::error::AssetsError;
use super::version::Version;
use crate::command;

/// Printing a version takes milliseconds. A wrapper that first downloads something is rejected.
const LIMIT: Duration = Duration::from_secs(20);

/// The version that the binary at `path` prints.
pub(super) fn version(binary: Binary, path: &Path) -> Result<Version, AssetsError> {
    let failed = |detail: String| AssetsError::CannotRun { path: path.to_owned(), detail };
    let output = command::output(Command::new(path).args(binary.version_arguments()), LIMIT)
        .map_err(|error| failed(error.to_string()))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    Version::find_in(&stdout).ok_or_else(|| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        failed(format!(
            "{}\n{}",
            output.status,
            command::last_lines(&format!("{stdout}\n{stderr}"), 5)
        ))
    })
}

/// Whether `path` is an executable file.
pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
