//! Known vulnerabilities of dependencies: `cargo deny` with the database of RustSec.

use std::path::Path;

use super::error::CiError;
use crate::invocation::Invocation;
use crate::terminal;

/// The address of the database.
const DATABASE: &str = "https://github.com/rustsec/advisory-db";
/// The version that is installed if cargo-deny is missing.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Fails on a known vulnerability. Without a connection to the database the check is skipped.
pub(super) fn check(root: &Path) -> Result<String, CiError> {
    if !is_reachable() {
        return Ok(format!("skipped: cannot reach {DATABASE}"));
    }
    let deny = Invocation::cargo()
        .args(["deny", "--locked", "--all-features", "check", "advisories"])
        .folder(root);
    if Invocation::cargo().args(["deny", "--version"]).capture().is_err() {
        terminal::note("installing cargo-deny, which takes some minutes");
        Invocation::cargo().args(["install", "--locked", CARGO_DENY]).show_and_run()?;
    }
    deny.show_and_run()?;
    Ok(String::new())
}

/// Requests one reference. Without a network git fails within seconds, and it never asks for a
/// password.
fn is_reachable() -> bool {
    let ask = Invocation::new("git").args([
        "-c",
        "http.lowSpeedLimit=1",
        "-c",
        "http.lowSpeedTime=10",
        "ls-remote",
        DATABASE,
        "HEAD",
    ]);
    ask.env("GIT_TERMINAL_PROMPT", "0").capture().is_ok()
}
