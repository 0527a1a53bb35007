//! The bare client: a process that sends the requests of a [`Script`] and does nothing else.
//!
//! It lists and watches what the operator watches, over the same transport, and discards the
//! events; of each new resource it reads the name and the UID. Then it sends the recorded writes,
//! as many resources at a time as the operator's default. It builds, decides and caches nothing.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use futures::future::try_join_all;
use kubewright_runtime::Settings;
use serde::Deserialize;
use tokio::io::AsyncBufReadExt;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::client::{Api, decode, version};
use crate::error::Error;
use crate::script::{Collection, Resource, Script};

/// What the process prints once it waits for resources.
pub(crate) const READY: &str = "ready";

/// How the bare client learns of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Feed {
    /// It lists and watches as the operator does.
    Watch,
    /// It reads lines of number and UID, and sends the writes alone.
    Stdin,
}

impl Feed {
    /// The value on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Stdin => "stdin",
        }
    }
}

/// A new resource: its number and its UID.
type Created = (usize, String);

/// The process.
pub(crate) async fn run(kubeconfig: &Path, script: &Path, feed: Feed) -> Result<(), Error> {
    let (api, script) = (Api::connect(kubeconfig)?, Arc::new(Script::load(script)?));
    let ready = || println!("{READY}");
    match feed {
        Feed::Watch => follow_watches(api, script, ready).await,
        Feed::Stdin => {
            let (sender, created) = unbounded_channel();
            std::thread::spawn(move || read_lines(&sender));
            ready();
            write_all(&api, &script, created).await
        }
    }
}

/// Sends all requests of the script, the writes once a watch shows the resource. Returns when a
/// request fails.
pub(crate) async fn follow_watches(
    api: Api,
    script: Arc<Script>,
    ready: impl FnOnce(),
) -> Result<(), Error> {
    for request in &script.start {
        api.replay(request, String::new()).await?;
    }
    let (sender, created) = unbounded_channel();
    let (opened, mut opens) = unbounded_channel();
    let mut tasks = JoinSet::new();
    for index in 0..script.collections.len() {
        let (api, script) = (api.clone(), Arc::clone(&script));
        let (sender, opened) = (sender.clone(), opened.clone());
        tasks.spawn(async move { follow(&api, &script, index, &sender, &opened).await });
    }
    for _ in 0..script.collections.len() {
        tokio::select! {
            _ = opens.recv() => {}
            Some(failed) = tasks.join_next() => return failed.map_err(Error::connection)?,
        }
    }
    ready();
    tokio::select! {
        written = write_all(&api, &script, created) => written,
        Some(failed) = tasks.join_next() => failed.map_err(Error::connection)?,
    }
}

/// One list and its watch.
async fn follow(
    api: &Api,
    script: &Script,
    index: usize,
    created: &UnboundedSender<Created>,
    opened: &UnboundedSender<()>,
) -> Result<(), Error> {
    let collection: &Collection = &script.collections[index];
    let listed = api.replay(&collection.list, String::new()).await?;
    let watch = collection.watch_from(&version(&collection.list.uri, &listed)?);
    let mut lines = api.replay_watch(&watch).await?;
    let _ = opened.send(());
    let numbers = if collection.of_resources { script.numbers_by_name() } else { HashMap::new() };
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).await.map_err(Error::connection)? > 0 {
        if collection.of_resources && line.starts_with(br#"{"type":"ADDED""#) {
            let Identity { name, uid } = decode::<Event<'_>>(&watch.uri, &line)?.object.metadata;
            if let Some(number) = numbers.get(name) {
                let _ = created.send((*number, uid.to_owned()));
            }
        }
        line.clear();
    }
    Err(Error::Unmeasurable(format!("the API server closed the watch {}", watch.uri)))
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    object: Object<'a>,
}

/// A resource, as far as the bare client needs it.
#[derive(Deserialize)]
pub(crate) struct Object<'a> {
    #[serde(borrow)]
    pub(crate) metadata: Identity<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Identity<'a> {
    name: &'a str,
    pub(crate) uid: &'a str,
}

/// Reads `NUMBER UID` lines until the bench closes the pipe.
fn read_lines(created: &UnboundedSender<Created>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Some((number, uid)) = line.split_once(' ') else { continue };
        if let Ok(number) = number.parse() {
            let _ = created.send((number, uid.to_owned()));
        }
    }
}

/// Works on as many resources at a time as the operator. Returns at the first error, or when no
/// more resources can come.
async fn write_all(
    api: &Api,
    script: &Arc<Script>,
    created: UnboundedReceiver<Created>,
) -> Result<(), Error> {
    let created = Arc::new(Mutex::new(created));
    let mut workers: JoinSet<Result<(), Error>> = JoinSet::new();
    for _ in 0..Settings::default().workers {
        let (api, script, created) = (api.clone(), Arc::clone(script), Arc::clone(&created));
        workers.spawn(async move {
            loop {
                let next = created.lock().await.recv().await;
                let Some((number, uid)) = next else { return Ok(()) };
                let Some(resource) = script.resources.get(number) else { continue };
                write(&api, resource, &script.rounds, &uid).await?;
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(Error::connection)??;
    }
    Ok(())
}

/// Sends the writes of one resource, round by round.
async fn write(api: &Api, resource: &Resource, rounds: &[usize], uid: &str) -> Result<(), Error> {
    let mut writes = resource.writes.iter();
    for round in rounds {
        let requests = writes
            .by_ref()
            .take(*round)
            .map(|write| api.replay(write, write.body.replace(&resource.uid, uid)));
        try_join_all(requests).await?;
    }
    Ok(())
}
