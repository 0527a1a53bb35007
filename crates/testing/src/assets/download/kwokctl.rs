//! Downloads etcd and the Kubernetes components with kwokctl.
//!
//! kwokctl has no download command: it downloads binaries one by one while it creates a cluster. So
//! it is called with a path for its last binary, kwok, that does not exist. It downloads everything
//! else, starts nothing and fails.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::adopt::{Failure, adopt, megabytes};
use crate::assets::binary::{Binary, Project};
use crate::assets::located::Located;
use crate::assets::wanted::Wanted;
use crate::command;
use crate::excerpt::excerpt;
use crate::home::{Home, HomeError, remove_folder};
use crate::progress::{Progress, Step};

/// The maximum time without any new data.
const STALLED: Duration = Duration::from_mins(1);

/// The binaries in kwokctl's download order, with their options.
const OPTIONS: [(Binary, &str); 4] = [
    (Binary::Etcd, "etcdBinary"),
    (Binary::KubeApiserver, "kubeApiserverBinary"),
    (Binary::KubeControllerManager, "kubeControllerManagerBinary"),
    (Binary::KubeScheduler, "kubeSchedulerBinary"),
];

/// Downloads `missing` with the kwokctl in `present`.
pub(super) fn download(
    home: &Home,
    wanted: &Wanted,
    present: &[Located],
    missing: &[Binary],
    progress: &dyn Progress,
) -> Result<Vec<Located>, Failure> {
    let Some(kwokctl) = present.iter().find(|one| one.binary == Binary::Kwokctl) else {
        return Ok(Vec::new());
    };
    progress.plan(1);
    let names: Vec<&str> = missing.iter().map(|binary| binary.name()).collect();
    let step =
        progress.step(&format!("Download {} with kwokctl, without checksums", names.join(", ")));
    let folder = home.root().join("download").join("kwokctl");
    remove_folder(&folder)?;
    let result = run(&kwokctl.path, &folder, wanted, present, &step).and_then(|log| {
        let files = files(&folder.join("cache"));
        let adopt_one = |binary: &Binary| {
            let detail = || excerpt(&log);
            let file = files
                .get(binary.name())
                .ok_or_else(|| Failure::Kwokctl { binary: *binary, detail: detail() })?;
            adopt(home, wanted, *binary, file)
        };
        missing.iter().map(adopt_one).collect::<Result<Vec<_>, _>>()
    });
    remove_folder(&folder)?;
    if result.is_ok() {
        step.done("");
    }
    result
}

/// The configuration for kwokctl: the wanted components, and the paths of those that are `present`.
fn configuration(folder: &Path, wanted: &Wanted, present: &[Located]) -> Value {
    let mut options = Map::from_iter([
        ("runtime".to_owned(), json!("binary")),
        ("bindAddress".to_owned(), json!("127.0.0.1")),
        ("kubeVersion".to_owned(), json!(wanted.kubernetes.to_string())),
        (
            "etcdVersion".to_owned(),
            json!(Project::Etcd.pinned().to_string().trim_start_matches('v')),
        ),
        ("quietPull".to_owned(), json!(true)),
        ("cacheDir".to_owned(), json!(folder.join("cache"))),
        ("kwokControllerBinary".to_owned(), json!(folder.join("no-such-file"))),
    ]);
    let mut components = vec!["kwok-controller"];
    for (binary, place) in OPTIONS {
        if wanted.binaries.contains(&binary) {
            components.push(binary.name());
        }
        if let Some(one) = present.iter().find(|one| one.binary == binary) {
            options.insert(place.to_owned(), json!(one.path));
        }
    }
    options.insert("components".to_owned(), json!(components));
    json!({
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "metadata": {"name": "download"},
        "options": options,
    })
}

/// Runs kwokctl until it fails, and returns its output.
fn run(
    kwokctl: &Path,
    folder: &Path,
    wanted: &Wanted,
    present: &[Located],
    step: &Step<'_>,
) -> Result<String, Failure> {
    fs::create_dir_all(folder).map_err(HomeError::at(folder))?;
    let (file, log) = (folder.join("kwokctl.json"), folder.join("kwokctl.log"));
    fs::write(&file, configuration(folder, wanted, present).to_string())
        .map_err(HomeError::at(&file))?;
    let output = File::create(&log).map_err(HomeError::at(&log))?;
    let error_output = output.try_clone().map_err(HomeError::at(&log))?;
    let mut command = Command::new(kwokctl);
    command
        .arg("--config")
        .arg(&file)
        .args(["--name", "download", "create", "cluster", "--kubeconfig", ""])
        .env("KWOK_WORKDIR", folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(error_output);
    let mut child = command::spawn(&mut command).map_err(HomeError::at(kwokctl))?;
    wait(&mut child, &folder.join("cache"), step).map_err(HomeError::at(kwokctl))?;
    Ok(fs::read_to_string(&log).unwrap_or_default())
}

/// Waits until the process ends, or kills it after [`STALLED`] without new data.
fn wait(child: &mut Child, cache: &Path, step: &Step<'_>) -> std::io::Result<()> {
    let (mut size, mut changed) = (0, Instant::now());
    while child.try_wait()?.is_none() {
        let now = size_of(cache);
        if now != size {
            (size, changed) = (now, Instant::now());
            step.update(&megabytes(size));
        } else if changed.elapsed() > STALLED {
            child.kill()?;
            child.wait()?;
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// All files below `folder` by name. The cache has a folder for each host and path.
fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files.extend(self::files(&entry.path()));
        } else {
            files.insert(entry.file_name().to_string_lossy().into_owned(), entry.path());
        }
    }
    files
}

fn size_of(folder: &Path) -> u64 {
    files(folder).values().filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::assets::{KUBERNETES, Source};
    use crate::progress::Silent;
    use crate::scratch::Scratch;

    fn located(binary: Binary, path: PathBuf) -> Located {
        Located { binary, path, version: binary.project().pinned(), source: Source::Path }
    }

    #[test]
    fn the_configuration_names_present_binaries_and_a_kwok_that_does_not_exist() {
        let present = [located(Binary::Etcd, "/bin/etcd".into())];
        let configuration = super::configuration(Path::new("/d"), &Wanted::default(), &present);
        let options = &configuration["options"];
        assert_eq!(options["etcdBinary"], "/bin/etcd");
        assert_eq!(options["kubeApiserverBinary"], Value::Null);
        assert_eq!(options["kwokControllerBinary"], "/d/no-such-file");
        assert_eq!(options["kubeVersion"], "v1.36.3");
        assert_eq!(options["etcdVersion"], "3.7.3");
    }

    /// A kwokctl that writes these files where the real one writes its downloads, and then fails.
    fn fake(scratch: &Scratch, versions: &[(&str, &str)]) -> Located {
        let copy = |(name, output): &(&str, &str)| {
            let served = scratch.executable(&format!("served/{name}"), output);
            format!("cp {} cache/https/dl.k8s.io/{name}", served.display())
        };
        let start = "cd \"$KWOK_WORKDIR\"; mkdir -p cache/https/dl.k8s.io".to_owned();
        let end = "echo 'kwok is missing' >&2; exit 1".to_owned();
        let lines: Vec<String> =
            [start].into_iter().chain(versions.iter().map(copy)).chain([end]).collect();
        located(Binary::Kwokctl, scratch.script("bin/kwokctl", &lines.join("\n")))
    }

    #[test]
    fn downloads_are_cached_although_kwokctl_fails() {
        let scratch = Scratch::new();
        let home = Home::at(&scratch.path().join("home")).unwrap();
        let kwokctl = fake(
            &scratch,
            &[("kube-apiserver", "Kubernetes v1.36.3"), ("etcd", "etcd Version: 3.7.3")],
        );
        let missing = [Binary::Etcd, Binary::KubeApiserver];
        let found = download(&home, &Wanted::default(), &[kwokctl], &missing, &Silent).unwrap();
        let expected = missing.map(|binary| {
            home.binaries(binary.project(), binary.project().pinned()).join(binary.name())
        });
        assert_eq!(found.iter().map(|one| one.path.clone()).collect::<Vec<_>>(), expected);
        assert!(expected.iter().all(|path| path.exists()));
        assert!(!home.root().join("download/kwokctl").exists());
    }

    #[test]
    fn a_download_of_another_version_is_rejected() {
        let scratch = Scratch::new();
        let home = Home::at(&scratch.path().join("home")).unwrap();
        let kwokctl = fake(&scratch, &[("kube-apiserver", "Kubernetes v1.30.0")]);
        let error =
            download(&home, &Wanted::default(), &[kwokctl], &[Binary::KubeApiserver], &Silent)
                .unwrap_err();
        assert!(error.to_string().contains("version v1.30.0; v1.36.3 is wanted"), "{error}");
        assert!(!home.binaries(Project::Kubernetes, KUBERNETES).join("kube-apiserver").exists());
    }

    #[test]
    fn the_error_contains_the_output_of_kwokctl_when_a_file_is_missing() {
        let scratch = Scratch::new();
        let home = Home::at(&scratch.path().join("home")).unwrap();
        let kwokctl = fake(&scratch, &[]);
        let error =
            download(&home, &Wanted::default(), &[kwokctl], &[Binary::Etcd], &Silent).unwrap_err();
        assert!(error.to_string().contains("kwok is missing"), "{error}");
    }

    #[test]
    fn without_kwokctl_nothing_is_downloaded() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        assert_eq!(download(&home, &Wanted::default(), &[], &[Binary::Etcd], &Silent).unwrap(), []);
    }
}
