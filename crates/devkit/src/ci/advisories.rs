//! Known vulnerabilities of dependencies: `cargo deny` looks them up in RustSec's database, where
//! that can be reached.

use std::path::Path;
use std::process::Output;

use super::error::CiError;
use crate::invocation::Invocation;
use crate::terminal;

/// Where the database is.
const DATABASE: &str = "https://github.com/rustsec/advisory-db";
/// What is installed where there is no cargo-deny.
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Fails on a known vulnerability. Without a way to the database this proves nothing, and says so.
pub(super) fn check(root: &Path) -> Result<String, CiError> {
    if !can_be_reached() {
        return Ok(format!("skipped: {DATABASE} cannot be reached"));
    }
    let deny = Invocation::cargo()
        .args(["deny", "--locked", "--all-features", "check", "advisories"])
        .folder(root);
    let is_there = Invocation::cargo()
        .args(["deny", "--version"])
        .output()
        .is_ok_and(|output: Output| output.status.success());
    if !is_there {
        terminal::note("cargo-deny is not installed; compiling it once takes some minutes");
        Invocation::cargo().args(["install", "--locked", CARGO_DENY]).show_and_run()?;
    }
    deny.show_and_run()?;
    Ok(String::new())
}

/// Asks for one reference: git says no within seconds where there is no network, and never asks for
/// a password.
fn can_be_reached() -> bool {
    let ask = Invocation::new("git").args([
        "-c",
        "http.lowSpeedLimit=1",
        "-c",
        "http.lowSpeedTime=10",
        "ls-remote",
        DATABASE,
        "HEAD",
    ]);
    ask.env("GIT_TERMINAL_PROMPT", "0").output().is_ok_and(|output| output.status.success())
}
