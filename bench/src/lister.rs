//! The bare client of a restart: a process that starts, lists what the operator watches, decodes
//! it, and ends.
//!
//! All three collections at once, each in one answer out of the API server's cache
//! (`resourceVersion=0`, no pages), which is the fastest way to have them; decoded into the types
//! of Echo and k8s-openapi.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kubewright::core::{KindInfo, Object, labels, names};
use operator_api::echo::Echo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinError;

use crate::client::Api;
use crate::error::Error;

#[derive(Deserialize)]
#[serde(bound(deserialize = "K: DeserializeOwned"))]
struct List<K> {
    items: Vec<K>,
}

/// What the subprocess does; it says how many objects there are of each kind while it still has
/// them.
pub(crate) async fn list(kubeconfig: &Path) -> Result<(), Error> {
    let api = Api::connect(kubeconfig).await?;
    let ours = format!(
        "&labelSelector={}%3D{}",
        labels::MANAGED_BY.replace('/', "%2F"),
        names::label_value(operator::NAME)
    );
    let (echoes, deployments, services) = tokio::join!(
        tokio::spawn(all::<Echo>(api.clone(), String::new())),
        tokio::spawn(all::<Deployment>(api.clone(), ours.clone())),
        tokio::spawn(all::<Service>(api, ours)),
    );
    let (echoes, deployments, services) = (ended(echoes)?, ended(deployments)?, ended(services)?);
    println!("{} {} {}", echoes.len(), deployments.len(), services.len());
    Ok(())
}

fn ended<K>(done: Result<Result<Vec<K>, Error>, JoinError>) -> Result<Vec<K>, Error> {
    done.map_err(Error::connection)?
}

async fn all<K: Object>(api: Api, more: String) -> Result<Vec<K>, Error> {
    let kind = KindInfo::of::<K>();
    let list: List<K> = api.read(&format!("{}?resourceVersion=0{more}", kind.path(None))).await?;
    Ok(list.items)
}

/// Runs the subprocess; gives the time from its start until it says that it has everything.
pub(crate) async fn run(kubeconfig: &Path, resources: usize) -> Result<Duration, Error> {
    let kubeconfig = kubeconfig.to_owned();
    let (took, counted) = tokio::task::spawn_blocking(move || time(&kubeconfig))
        .await
        .map_err(Error::connection)??;
    let expected = format!("{resources} {resources} {resources}");
    if counted.trim() != expected {
        return Err(Error::Unmeasurable(format!(
            "the lister found {:?} objects instead of {expected:?}",
            counted.trim()
        )));
    }
    Ok(took)
}

fn time(kubeconfig: &Path) -> Result<(Duration, String), Error> {
    let here = std::env::current_exe()
        .map_err(|source| Error::File { path: "/proc/self/exe".into(), source })?;
    let failed = |source| Error::File { path: here.clone(), source };
    let mut command = Command::new(&here);
    command
        .arg("list")
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    let took = started.elapsed();
    child.wait().map_err(failed)?;
    Ok((took, line))
}
