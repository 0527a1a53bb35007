//! The state folder of this crate: paths, file locks and atomic writes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::assets::{Environment, Project, Version};

/// The state folder: `$KUBEWRIGHT_HOME`, else `$XDG_CACHE_HOME/kubewright`, else
/// `~/.cache/kubewright`.
///
/// ```text
/// bin/kubernetes-v1.36.3/   binaries, one folder per project and version
/// clusters/NAME/            kubeconfig, state.json, configuration and output of kwokctl
/// kwok/clusters/NAME/       files of kwokctl: certificates, pids, logs, etcd's data
/// locks/                    lock files
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// The state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No variable names a folder.
    #[error(
        "no folder for binaries and clusters: neither KUBEWRIGHT_HOME nor HOME is set; \
         set KUBEWRIGHT_HOME to a folder"
    )]
    Unknown,
    /// The folder cannot be created, or a file in it cannot be used.
    #[error(
        "cannot use {}: {source}; fix it, or set KUBEWRIGHT_HOME to a writable folder",
        .path.display()
    )]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl HomeError {
    /// Adds a path to an I/O error.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Unusable { path, source }
    }
}

impl Home {
    /// The folder that `environment` names. It is created if it does not exist.
    ///
    /// # Errors
    /// [`HomeError`] when no variable names a folder, or when it cannot be created.
    pub fn from_environment(environment: &Environment) -> Result<Self, HomeError> {
        let root = environment
            .kubewright_home
            .clone()
            .or_else(|| environment.xdg_cache_home.as_ref().map(|cache| cache.join("kubewright")))
            .or_else(|| environment.home.as_ref().map(|home| home.join(".cache/kubewright")))
            .ok_or(HomeError::Unknown)?;
        Self::at(&root)
    }

    /// The folder `root`. It is created if it does not exist.
    ///
    /// # Errors
    /// [`HomeError::Unusable`] when it cannot be created.
    pub fn at(root: &Path) -> Result<Self, HomeError> {
        fs::create_dir_all(root).map_err(HomeError::at(root))?;
        // Processes are recognised by paths in their arguments, so that a path needs one spelling.
        let root = root.canonicalize().map_err(HomeError::at(root))?;
        Ok(Self { root })
    }

    /// The path of the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The cache folder of one project and version.
    pub fn binaries(&self, project: Project, version: Version) -> PathBuf {
        self.root.join("bin").join(format!("{}-{version}", project.name()))
    }

    /// The folder with one folder per cluster.
    pub(crate) fn clusters(&self) -> PathBuf {
        self.root.join("clusters")
    }

    /// This crate's files of one cluster.
    pub(crate) fn cluster(&self, name: &str) -> PathBuf {
        self.clusters().join(name)
    }

    /// kwokctl's `KWOK_WORKDIR`. It is separate from the user's, so that clusters of the user are
    /// safe.
    pub(crate) fn kwok(&self) -> PathBuf {
        self.root.join("kwok")
    }

    /// kwokctl's files of one cluster.
    pub(crate) fn kwok_cluster(&self, name: &str) -> PathBuf {
        self.kwok().join("clusters").join(name)
    }

    /// The kubeconfig of a cluster.
    pub(crate) fn kubeconfig(&self, name: &str) -> PathBuf {
        self.cluster(name).join("kubeconfig")
    }

    /// The folder in which kwokctl keeps the certificates of a cluster.
    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.kwok_cluster(name).join("pki")
    }

    /// Takes the lock on a cluster, calling `waiting` once if another process holds it.
    pub(crate) fn lock_cluster(
        &self,
        name: &str,
        waiting: impl FnOnce(),
    ) -> Result<Lock, HomeError> {
        self.lock(&format!("cluster-{name}"), waiting)
    }

    /// Takes the lock `name`, calling `waiting` once if another process holds it.
    pub(crate) fn lock(&self, name: &str, waiting: impl FnOnce()) -> Result<Lock, HomeError> {
        let path = self.root.join("locks").join(format!("{name}.lock"));
        let mut waiting = Some(waiting);
        loop {
            let file = open_lock_file(&path).map_err(HomeError::at(&path))?;
            if !is_free(file.try_lock()).map_err(HomeError::at(&path))? {
                if let Some(waiting) = waiting.take() {
                    waiting();
                }
                file.lock().map_err(HomeError::at(&path))?;
            }
            // The previous holder may have removed the file. Then other processes lock a new file,
            // and so must this one.
            if is_at(&file, &path) {
                return Ok(Lock { file, path });
            }
        }
    }

    /// Takes the lock `name` without waiting; `None` if another process holds it.
    ///
    /// # Errors
    /// [`HomeError::Unusable`] when the file system cannot lock the file.
    pub fn try_lock(&self, name: &str) -> Result<Option<Lock>, HomeError> {
        let path = self.root.join("locks").join(format!("{name}.lock"));
        loop {
            let file = open_lock_file(&path).map_err(HomeError::at(&path))?;
            if !is_free(file.try_lock()).map_err(HomeError::at(&path))? {
                return Ok(None);
            }
            if is_at(&file, &path) {
                return Ok(Some(Lock { file, path }));
            }
        }
    }
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// The locked file: empty, unless a holder wrote to it.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Releases the lock and removes its file; for a lock of something that no longer exists.
    pub fn remove(self) {
        // The file is still locked. A process that waits for it notices that the path has another
        // file.
        let _ = fs::remove_file(&self.path);
        drop(self.file);
    }
}

fn open_lock_file(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).read(true).append(true).open(path)
}

/// Whether the lock was taken. Only a lock of another process is worth waiting for.
fn is_free(taken: Result<(), TryLockError>) -> io::Result<bool> {
    match taken {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(source),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(theirs)) => ours.ino() == theirs.ino() && ours.dev() == theirs.dev(),
        _ => false,
    }
}

/// Writes `content` atomically, readable by the owner only.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), HomeError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let partial = path.with_extension(format!("partial-{}", std::process::id()));
        let _ = fs::remove_file(&partial);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        file.write_all(content)?;
        fs::rename(&partial, path)
    };
    write().map_err(HomeError::at(path))
}

/// Removes a folder with its content. A missing folder is no error.
pub(crate) fn remove_folder(path: &Path) -> Result<(), HomeError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HomeError::at(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn kubewright_home_overrides_the_cache_folder() {
        let scratch = Scratch::new();
        let environment = Environment {
            kubewright_home: Some(scratch.path().join("named")),
            xdg_cache_home: Some(scratch.path().join("xdg")),
            home: Some(scratch.path().join("me")),
            ..Environment::default()
        };
        let home = Home::from_environment(&environment).unwrap();
        assert!(home.root().ends_with("named"));
        let environment = Environment { kubewright_home: None, ..environment };
        assert!(Home::from_environment(&environment).unwrap().root().ends_with("xdg/kubewright"));
        let environment = Environment { xdg_cache_home: None, ..environment };
        assert!(
            Home::from_environment(&environment).unwrap().root().ends_with("me/.cache/kubewright")
        );
    }

    #[test]
    fn without_any_variable_the_error_names_the_variable_to_set() {
        let error = Home::from_environment(&Environment::default()).unwrap_err();
        assert!(error.to_string().contains("set KUBEWRIGHT_HOME"), "{error}");
    }

    #[test]
    fn a_second_process_waits_for_the_lock_even_if_its_file_was_removed() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        let first = home.lock("x", || ()).unwrap();
        let released = Arc::new(AtomicBool::new(false));
        let (is_waiting, waits) = mpsc::channel();
        let second = thread::spawn({
            let (home, released) = (home.clone(), Arc::clone(&released));
            move || {
                let lock = home.lock("x", || is_waiting.send(()).unwrap()).unwrap();
                assert!(released.load(Ordering::SeqCst), "both hold the lock");
                let third = open_lock_file(&home.root().join("locks/x.lock")).unwrap();
                assert!(third.try_lock().is_err(), "the lock is on another file");
                lock.remove();
            }
        });
        waits.recv().unwrap();
        released.store(true, Ordering::SeqCst);
        first.remove();
        second.join().unwrap();
        assert!(!scratch.path().join("locks/x.lock").exists());
    }

    #[test]
    fn a_held_lock_is_not_taken_and_an_unusable_one_is_an_error() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        let first = home.try_lock("x").unwrap().unwrap();
        assert!(home.try_lock("x").unwrap().is_none());
        first.remove();
        assert!(home.try_lock("x").unwrap().is_some());
        fs::create_dir(scratch.path().join("locks/y.lock")).unwrap();
        let error = home.try_lock("y").unwrap_err().to_string();
        assert!(error.contains("y.lock"), "{error}");
        let unsupported = TryLockError::Error(io::ErrorKind::Unsupported.into());
        assert_eq!(is_free(Err(unsupported)).unwrap_err().kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn only_the_owner_can_read_private_files() {
        let scratch = Scratch::new();
        let path = scratch.path().join("a/kubeconfig");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "a partial file is left"
        );
    }
}
