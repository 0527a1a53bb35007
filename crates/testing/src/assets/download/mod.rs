//! Downloads released binaries. A failure is a note and no error, because a missing binary is
//! built.
//!
//! - `pinned`: releases whose SHA-256 is in this crate; a file with another checksum is deleted
//! - `kwokctl`: all other binaries, by kwokctl, over TLS and without a checksum
//! - `adopt`: moves a file to the cache
//!
//! `KUBEWRIGHT_DOWNLOAD=never` disables downloads.

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

/// Downloads as many of `missing` as possible. `present` was found before.
pub(super) fn download(
    environment: &Environment,
    home: &Home,
    wanted: &Wanted,
    present: &[Located],
    missing: &[Binary],
    progress: &dyn Progress,
) -> Result<Vec<Located>, HomeError> {
    let _lock =
        home.lock("download", || progress.note("waiting for another process that downloads"))?;
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
                progress.note(&format!("{error}: it is built instead"));
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
            Err(error) => progress.note(&format!("{error}: they are built instead")),
        }
    }
    Ok(located)
}
