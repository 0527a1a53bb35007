//! What a restart is compared with: a process that starts, lists what the operator lists, decodes
//! the answers, and ends.
//!
//! It sends the operator's own list requests, page by page, all collections side by side, and uses
//! the engine's decoders. It caches and compares nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use kubewright::kind::AnyObject;
use kubewright::observed::{self, ObservedChild};
use tokio::task::JoinSet;

use crate::client::Api;
use crate::error::Error;
use crate::process::{self, Process};
use crate::request::Request;
use crate::script::Script;
use crate::workload::Workload;

/// What the engine decodes an object to.
#[allow(dead_code)] // objects are kept, as the operator keeps them, and never read
enum Decoded {
    Resource(Arc<dyn AnyObject>),
    Child(Box<ObservedChild>),
}

/// The process. It prints how many objects it has.
pub(crate) async fn list(
    kubeconfig: &Path,
    script: &Path,
    workload: Workload,
) -> Result<(), Error> {
    let api = Api::connect(kubeconfig)?;
    let mut lists = JoinSet::new();
    for collection in Script::load(script)?.collections {
        let api = api.clone();
        lists.spawn(async move {
            decoded(&api, &collection.list, collection.of_resources, workload).await
        });
    }
    let mut objects = Vec::new();
    while let Some(list) = lists.join_next().await {
        objects.extend(list.map_err(Error::connection)??);
    }
    println!("{}", objects.len());
    Ok(())
}

async fn decoded(
    api: &Api,
    list: &Request,
    of_resources: bool,
    workload: Workload,
) -> Result<Vec<Decoded>, Error> {
    let (controller, manager) = (workload.controller()?, workload.manager());
    let mut objects = Vec::new();
    api.each_item(list, |item| {
        let json = item.as_bytes();
        objects.push(if of_resources {
            Decoded::Resource(controller.decode(json).map_err(|e| undecodable(list, &e))?)
        } else {
            let child = observed::decode(json, manager).map_err(|e| undecodable(list, &e))?;
            Decoded::Child(Box::new(child))
        });
        Ok(())
    })
    .await?;
    Ok(objects)
}

fn undecodable(request: &Request, error: &dyn std::error::Error) -> Error {
    Error::Request { what: request.uri.clone(), message: error.to_string() }
}

/// Runs the process. Returns the time from its start until it has all objects.
pub(crate) async fn run(
    kubeconfig: &Path,
    script: &Path,
    workload: Workload,
    resources: usize,
) -> Result<Duration, Error> {
    let mut command = process::command(&process::own_program()?);
    command.arg("list").arg("--kubeconfig").arg(kubeconfig).arg("--script").arg(script);
    command.args(["--workload", workload.name()]).stdout(Stdio::piped());
    let (took, listed) = tokio::task::spawn_blocking(move || {
        let mut process = Process::start("lister", &mut command)?;
        let mut line = String::new();
        if let Some(stdout) = process.child.stdout.take() {
            let path = "the lister's output".into();
            let read = BufReader::new(stdout).read_line(&mut line);
            read.map_err(|source| Error::File { path, source })?;
        }
        let took = process.started.elapsed();
        // It ends by itself, with its log; that is after the measurement.
        let _ = process.child.wait();
        if line.is_empty() {
            return Err(process.error("failed"));
        }
        Ok((took, line))
    })
    .await
    .map_err(Error::connection)??;
    let expected = resources * workload.kinds().len();
    if listed.trim() != expected.to_string() {
        return Err(Error::Unmeasurable(format!(
            "the lister found {} objects instead of {expected}",
            listed.trim()
        )));
    }
    Ok(took)
}
