//! The operator's log: new lines, and the last lines.

use std::fs::{self, File};
use std::io::{Read, Write, stdout};
use std::path::{Path, PathBuf};

use super::error::DevError;

/// Prints a file from its beginning, as it grows.
pub(super) struct Follow {
    file: File,
    path: PathBuf,
}

impl Follow {
    pub(super) fn open(path: &Path) -> Result<Self, DevError> {
        let file =
            File::open(path).map_err(|source| DevError::File { path: path.to_owned(), source })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Prints the bytes since the last call.
    pub(super) fn show_new(&mut self) -> Result<(), DevError> {
        let new = self.new_bytes()?;
        // A closed standard output does not stop the session.
        let _ = stdout().write_all(&new).and_then(|()| stdout().flush());
        Ok(())
    }

    fn new_bytes(&mut self) -> Result<Vec<u8>, DevError> {
        let mut new = Vec::new();
        let read = self.file.read_to_end(&mut new);
        read.map_err(|source| DevError::File { path: self.path.clone(), source })?;
        Ok(new)
    }
}

/// The last `lines` lines of a file; empty if the file cannot be read.
pub(super) fn last_lines(path: &Path, lines: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_printed_once() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("log");
        let mut writer = File::create(&path).unwrap();
        writer.write_all(b"one\ntw").unwrap();
        let mut follow = Follow::open(&path).unwrap();
        assert_eq!(follow.new_bytes().unwrap(), b"one\ntw");
        assert_eq!(follow.new_bytes().unwrap(), b"");
        writer.write_all(b"o\n").unwrap();
        assert_eq!(follow.new_bytes().unwrap(), b"o\n");
        assert_eq!(last_lines(&path, 1), "two");
        assert_eq!(last_lines(&path, 9), "one\ntwo");
    }
}
