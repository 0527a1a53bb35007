//! Fetching released binaries instead of building them. Nothing here is needed: whatever cannot be
//! fetched is built, so a failure is a note, not an error.
//!
//! - `pinned`: releases whose SHA-256 is written down in this crate; what does not match is thrown
//!   away.
//! - `kwokctl`: everything else, by kwokctl's own means: over TLS, without a checksum.
//!   `KUBEWRIGHT_DOWNLOAD=never` turns all of it off, and then everything is built from modules
//!   that are pinned by checksum.

mod adopt;
mod kwokctl;
mod pinned;

use super::binary::{Binary, Project};
use super::environment::Environment;
use super::located::Located;
use super::resolve;
use super::wanted::Wanted;
use crate::home::{Home, HomeError};
use crate::progress::Progress;

/// Fetches what can be fetched of `missing`. `present` is what was found already.
pub(super) fn download(
    environment: &Environment,
    home: &Home,
    wanted: &Wanted,
    present: &[Located],
    missing: &[Binary],
    progress: &dyn Progress,
) -> Result<Vec<Located>, HomeError> {
    let _lock =
        home.lock("download", || progress.note("another process is downloading: waiting for it"))?;
    let mut located: Vec<Located> = missing
        .iter()
        .filter_map(|binary| resolve::cached(home, *binary, wanted.version(*binary)))
        .collect();
    let is_missing = |located: &[Located], binary: Binary| {
        missing.contains(&binary) && !located.iter().any(|one| one.binary == binary)
    };

    for binary in
        Binary::ALL.into_iter().filter(|binary| is_missing(&located, *binary)).collect::<Vec<_>>()
    {
        if wanted.version(binary) != binary.project().pinned() {
            continue;
        }
        match pinned::download(environment, home, binary, progress) {
            Ok(Some(one)) => located.push(one),
            Ok(None) => {}
            Err(error) => {
                progress.note(&format!("{error}: building instead"));
                return Ok(located);
            }
        }
    }

    let rest: Vec<Binary> = missing
        .iter()
        .copied()
        .filter(|binary| is_missing(&located, *binary))
        .filter(|binary| *binary != Binary::Kubectl && binary.project() != Project::Kwok)
        .collect();
    let all: Vec<Located> = present.iter().chain(&located).cloned().collect();
    if !rest.is_empty() {
        match kwokctl::download(home, wanted, &all, &rest, progress) {
            Ok(more) => located.extend(more),
            Err(error) => progress.note(&format!("{error}: building instead")),
        }
    }
    Ok(located)
}
