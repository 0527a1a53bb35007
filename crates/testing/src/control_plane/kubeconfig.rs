//! The kubeconfig of a cluster: a self-contained file, and optionally an entry in a file of the
//! user.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::Error;
use super::kubectl::Kubectl;
use crate::home::{HomeError, write_private};

/// The name of context, cluster and user. The prefix separates it from other entries of the user.
pub(super) fn context(name: &str) -> String {
    format!("kubewright-{name}")
}

/// Writes a kubeconfig with the certificates in `pki`. Only the owner can read it.
pub(super) fn write(path: &Path, name: &str, server: &str, pki: &Path) -> Result<(), Error> {
    let encoded = |file: &str| -> Result<String, Error> {
        let file = pki.join(file);
        let content = fs::read(&file).map_err(HomeError::at(&file))?;
        Ok(STANDARD.encode(content))
    };
    let text = render(
        &context(name),
        server,
        &encoded("ca.crt")?,
        &encoded("admin.crt")?,
        &encoded("admin.key")?,
    );
    Ok(write_private(path, text.as_bytes())?)
}

fn render(context: &str, server: &str, authority: &str, certificate: &str, key: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: {context}
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {context}
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: {context}
  context:
    cluster: {context}
    user: {context}
current-context: {context}
"
    )
}

/// An edit takes milliseconds, but kubectl waits for other writers of the file.
const LIMIT: Duration = Duration::from_secs(20);

/// Adds the cluster to the kubeconfig `target`, or updates its entry. Other entries stay.
pub(super) fn export(
    kubectl: &Path,
    target: &Path,
    name: &str,
    server: &str,
    pki: &Path,
) -> Result<(), Error> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(HomeError::at(folder))?;
    }
    let context = context(name);
    let file = |flag: &str, file: &str| format!("--{flag}={}", pki.join(file).display());
    let edits: [&[&str]; 3] = [
        &[
            "set-cluster",
            &context,
            &format!("--server={server}"),
            "--embed-certs=true",
            &file("certificate-authority", "ca.crt"),
        ],
        &[
            "set-credentials",
            &context,
            "--embed-certs=true",
            &file("client-certificate", "admin.crt"),
            &file("client-key", "admin.key"),
        ],
        &["set-context", &context, &format!("--cluster={context}"), &format!("--user={context}")],
    ];
    edit(kubectl, target, &edits)
}

/// Makes the cluster the current context of the kubeconfig `target`.
pub(super) fn make_current(kubectl: &Path, target: &Path, name: &str) -> Result<(), Error> {
    edit(kubectl, target, &[&["use-context", &context(name)]])
}

/// Removes the cluster from the kubeconfig `target`.
pub(super) fn remove_entry(kubectl: &Path, target: &Path, name: &str) -> Result<(), Error> {
    let text = match fs::read_to_string(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(HomeError::at(target))?,
    };
    let context = context(name);
    if !text.contains(&context) {
        return Ok(());
    }
    let is_current =
        text.lines().any(|line| line.trim_end() == format!("current-context: {context}"));
    if is_current {
        edit(kubectl, target, &[&["unset", "current-context"]])?;
    }
    let entries = ["contexts", "clusters", "users"].map(|part| format!("{part}.{context}"));
    for entry in &entries {
        edit(kubectl, target, &[&["unset", entry]])?;
    }
    Ok(())
}

fn edit(kubectl: &Path, target: &Path, edits: &[&[&str]]) -> Result<(), Error> {
    // kubectl writes no cache here; without the flag it would use the user's folder.
    let kubectl = Kubectl::new(kubectl, target, &std::env::temp_dir());
    for edit in edits {
        let arguments: Vec<&str> = ["config"].into_iter().chain(edit.iter().copied()).collect();
        kubectl.run(&arguments, LIMIT)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_kubeconfig_contains_its_certificates_and_is_private() {
        let scratch = Scratch::new();
        for (file, content) in [("ca.crt", "CA"), ("admin.crt", "CERT"), ("admin.key", "KEY")] {
            fs::write(scratch.path().join(file), content).unwrap();
        }
        let path = scratch.path().join("kubeconfig");
        write(&path, "dev", "https://127.0.0.1:1", scratch.path()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        for line in [
            "    server: https://127.0.0.1:1",
            "    certificate-authority-data: Q0E=",
            "    client-certificate-data: Q0VSVA==",
            "    client-key-data: S0VZ",
            "current-context: kubewright-dev",
        ] {
            assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn removing_the_entry_from_a_missing_file_succeeds() {
        remove_entry(Path::new("/nonexistent"), Path::new("/nonexistent/config"), "dev").unwrap();
    }
}
