//! Where the binaries of the local control plane come from. Starting them is `control_plane`'s
//! business.
//!
//! Each binary is taken from the first of these that has it in a version that fits:
//!
//! 1. the folder `KUBEWRIGHT_ASSETS`; when it is set, everything comes from there
//! 2. the folder `KUBEBUILDER_ASSETS`
//! 3. our cache, [`Home::binaries`]
//! 4. `PATH`
//! 5. a download of released binaries, unless `KUBEWRIGHT_DOWNLOAD` is `never`
//! 6. a build from Go modules that are pinned by checksum
//!
//! What 5 and 6 bring goes to our cache. [`Assets::locate`] is the way in; `resolve` is 1 to 4,
//! `download` is 5, `build` is 6.

mod binary;
mod build;
mod download;
mod environment;
mod error;
mod go;
mod locate;
mod located;
mod probe;
mod resolve;
mod version;
mod wanted;

pub use binary::{Binary, ETCD, KUBERNETES, KWOK, Project};
pub use environment::Environment;
pub use error::AssetsError;
pub use locate::Assets;
pub use located::{Located, Source};
pub use version::{InvalidVersion, Version};
pub use wanted::Wanted;

#[cfg(test)]
mod tests;
