//! Downloads releases whose SHA-256 is in this file. curl does the download: it knows the proxies
//! and certificates of the machine.

use std::fmt::Write;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::adopt::{Failure, adopt, megabytes};
use crate::assets::binary::Binary;
use crate::assets::environment::Environment;
use crate::assets::located::Located;
use crate::assets::probe;
use crate::assets::wanted::Wanted;
use crate::command::{self, last_lines};
use crate::home::{Home, HomeError};
use crate::progress::{Progress, Step};

/// A released file: binary, operating system and architecture (Go's names), SHA-256.
///
/// Sources: dl.k8s.io for kubectl, the release page for kwok. A wrong checksum does no harm: the
/// file is deleted and the binary is built.
const RELEASES: [(Binary, &str, &str, &str); 10] = [
    (
        Binary::Kubectl,
        "linux",
        "amd64",
        "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336",
    ),
    (
        Binary::Kubectl,
        "linux",
        "arm64",
        "3d86f24401c41ae5a46ac50eef8865fe891d3647d324a0836f6c63757a126e62",
    ),
    (
        Binary::Kubectl,
        "darwin",
        "amd64",
        "158b3b46cf74e8b6bd9b1d7cd30f665e3efb2bc1ec3c843ec925bcfdd2930de0",
    ),
    (
        Binary::Kubectl,
        "darwin",
        "arm64",
        "fc8582acde13869a606730a79379d6515f30c68afcced0b5ac8789d5d002b7d6",
    ),
    (
        Binary::Kwok,
        "linux",
        "amd64",
        "f5a4385a2ae1b9dd7f8acae18e002a75c0ebba124ae9d7259aa8dadb50711f46",
    ),
    (
        Binary::Kwok,
        "linux",
        "arm64",
        "628f7d277860f524a2a775c217adcc58828e7b59ab0933680315784f1b8b0e37",
    ),
    (
        Binary::Kwok,
        "darwin",
        "arm64",
        "69a064ec98d37844d9d742b5b28ff57825659a983ccc3e208daa6948b94d64ba",
    ),
    (
        Binary::Kwokctl,
        "linux",
        "amd64",
        "d5743166c657283d6e827c7c4c20cacfd9009fd94830f06718ca7b2c7099461f",
    ),
    (
        Binary::Kwokctl,
        "linux",
        "arm64",
        "5a642b27d3e975f36040d215640cd90fb4a63cb6fca0ad5865a61bcd9c81051b",
    ),
    (
        Binary::Kwokctl,
        "darwin",
        "arm64",
        "9323a59adb9c27854bd2a76652ad00258bcbb68acc40aba0dc21e362b67b7d6a",
    ),
];

/// A file to download.
#[derive(Debug, PartialEq, Eq)]
struct Release {
    url: String,
    sha256: &'static str,
}

/// The release of `binary` for an operating system and an architecture, by Rust's names.
fn release(binary: Binary, os: &str, architecture: &str) -> Option<Release> {
    let os = if os == "macos" { "darwin" } else { os };
    let architecture = match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let (.., sha256) =
        RELEASES.iter().find(|(b, o, a, _)| (*b, *o, *a) == (binary, os, architecture))?;
    let version = binary.project().pinned();
    let url = match binary {
        Binary::Kubectl => {
            format!("https://dl.k8s.io/release/{version}/bin/{os}/{architecture}/kubectl")
        }
        _ => format!(
            "https://github.com/kubernetes-sigs/kwok/releases/download/{version}/{binary}-{os}-{architecture}"
        ),
    };
    Some(Release { url, sha256 })
}

/// Downloads `binary` in its pinned version. Returns `None` without a checksum for this system or
/// without curl.
pub(super) fn download(
    environment: &Environment,
    home: &Home,
    binary: Binary,
    progress: &dyn Progress,
) -> Result<Option<Located>, Failure> {
    let Some(release) = release(binary, std::env::consts::OS, std::env::consts::ARCH) else {
        return Ok(None);
    };
    let curl = environment.path_folders().into_iter().map(|folder| folder.join("curl"));
    let Some(curl) = curl.into_iter().find(|path| probe::is_executable(path)) else {
        return Ok(None);
    };
    fetch(&curl, home, binary, &release, progress).map(Some)
}

fn fetch(
    curl: &Path,
    home: &Home,
    binary: Binary,
    release: &Release,
    progress: &dyn Progress,
) -> Result<Located, Failure> {
    progress.plan(1);
    let step = progress.step(&format!("Download {binary} {}", binary.project().pinned()));
    let folder = home.root().join("download");
    fs::create_dir_all(&folder).map_err(HomeError::at(&folder))?;
    let file = folder.join(binary.name());
    let result = run(curl, &release.url, &file, &step)
        .and_then(|()| verify(&file, release))
        .and_then(|()| adopt(home, &Wanted::default(), binary, &file));
    // An accepted file was moved; a rejected one must not stay.
    let _ = fs::remove_file(&file);
    if result.is_ok() {
        step.done("");
    }
    result
}

fn run(curl: &Path, url: &str, file: &Path, step: &Step<'_>) -> Result<(), Failure> {
    let failed = |detail: String| Failure::NotDownloaded { url: url.to_owned(), detail };
    let mut command = Command::new(curl);
    command
        .args(["--fail", "--silent", "--show-error", "--location", "--proto", "=https"])
        .args([
            "--connect-timeout",
            "10",
            "--speed-limit",
            "1000",
            "--speed-time",
            "30",
            "--retry",
            "2",
        ])
        .arg("--output")
        .args([file.as_os_str(), url.as_ref()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command::spawn(&mut command).map_err(|error| failed(error.to_string()))?;
    let status = loop {
        match child.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) => break status,
            None => step.update(&megabytes(file.metadata().map_or(0, |meta| meta.len()))),
        }
        thread::sleep(Duration::from_millis(100));
    };
    if status.success() {
        return Ok(());
    }
    let stderr =
        child.stderr.take().map(io::read_to_string).and_then(Result::ok).unwrap_or_default();
    Err(failed(last_lines(&stderr, 1)))
}

fn verify(file: &Path, release: &Release) -> Result<(), Failure> {
    let found = sha256(file).map_err(HomeError::at(file))?;
    if found == release.sha256 {
        return Ok(());
    }
    Err(Failure::Mismatch { url: release.url.clone(), found })
}

fn sha256(file: &Path) -> io::Result<String> {
    let mut file = fs::File::open(file)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => context.update(&buffer[..n]),
        }
    }
    let mut text = String::new();
    for byte in context.finish().as_ref() {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::progress::Silent;
    use crate::scratch::Scratch;

    #[test]
    fn the_address_of_a_release_contains_the_pinned_version_and_the_system() {
        let kubectl = release(Binary::Kubectl, "macos", "aarch64").unwrap();
        assert_eq!(kubectl.url, "https://dl.k8s.io/release/v1.36.3/bin/darwin/arm64/kubectl");
        let kwok = release(Binary::Kwok, "linux", "x86_64").unwrap();
        assert_eq!(
            kwok.url,
            "https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-linux-amd64"
        );
        assert_eq!(release(Binary::Kwok, "linux", "riscv64"), None);
        assert_eq!(release(Binary::KubeApiserver, "linux", "x86_64"), None);
    }

    #[test]
    fn checksums_are_well_formed_and_unique() {
        let sums: std::collections::BTreeSet<&str> =
            RELEASES.iter().map(|(.., sum)| *sum).collect();
        assert_eq!(sums.len(), RELEASES.len());
        assert!(
            sums.iter().all(|sum| sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit()))
        );
    }

    /// A curl that "downloads" a kubectl of the pinned version, and the checksum of that file.
    fn fake(scratch: &Scratch) -> (PathBuf, String) {
        let kubectl = scratch.executable("served/kubectl", "Client Version: v1.36.3");
        let curl = scratch.script(
            "bin/curl",
            &format!(
                "while [ \"$1\" != --output ]; do shift; done; cp {} \"$2\"",
                kubectl.display()
            ),
        );
        (curl, sha256(&kubectl).unwrap())
    }

    fn leaked(text: String) -> &'static str {
        Box::leak(text.into_boxed_str())
    }

    #[test]
    fn a_file_with_the_right_checksum_is_cached() {
        let scratch = Scratch::new();
        let home = Home::at(&scratch.path().join("home")).unwrap();
        let (curl, sum) = fake(&scratch);
        let release = Release { url: "https://example.com/kubectl".into(), sha256: leaked(sum) };
        let located = fetch(&curl, &home, Binary::Kubectl, &release, &Silent).unwrap();
        assert!(
            located.path.ends_with("bin/kubernetes-v1.36.3/kubectl"),
            "{}",
            located.path.display()
        );
        assert!(probe::is_executable(&located.path));
    }

    #[test]
    fn a_file_with_a_wrong_checksum_is_deleted() {
        let scratch = Scratch::new();
        let home = Home::at(&scratch.path().join("home")).unwrap();
        let (curl, _) = fake(&scratch);
        let release = release(Binary::Kubectl, "linux", "x86_64").unwrap();
        let error = fetch(&curl, &home, Binary::Kubectl, &release, &Silent).unwrap_err();
        assert!(matches!(error, Failure::Mismatch { .. }), "{error}");
        assert!(!home.root().join("download/kubectl").exists());
        assert!(!home.root().join("bin/kubernetes-v1.36.3/kubectl").exists());
    }

    #[test]
    fn the_error_contains_the_message_of_curl() {
        let scratch = Scratch::new();
        let home = Home::at(&scratch.path().join("home")).unwrap();
        let curl = scratch
            .script("bin/curl", "echo 'curl: (6) Could not resolve host: dl.k8s.io' >&2; exit 6");
        let release = release(Binary::Kubectl, "linux", "x86_64").unwrap();
        let error =
            fetch(&curl, &home, Binary::Kubectl, &release, &Silent).unwrap_err().to_string();
        assert!(error.contains("Could not resolve host"), "{error}");
    }
}
