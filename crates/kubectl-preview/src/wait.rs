//! `wait`: follows a preview until it is ready and the controller of its route, if it has one, has
//! accepted the route. It reads the preview once, and then watches it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use kubewright_core::condition::READY;
use operator_api::preview::ROUTE_ACCEPTED;
use tokio::time::Instant;

use crate::args::WaitArgs;
use crate::cluster::{Change, Cluster};
use crate::error::Error;
use crate::open::web_url;
use crate::output::Output;
use crate::preview::{Preview, describe};
use crate::time;

/// The pause before the preview is read again after a watch ended: an API server that restarts
/// needs a moment.
const PAUSE: Duration = Duration::from_secs(1);
/// The conditions that are shown as progress. Their messages include the reasons of the others.
const SHOWN: [&str; 2] = [READY, ROUTE_ACCEPTED];

pub(crate) async fn wait(
    cluster: &Cluster,
    args: &WaitArgs,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    let mut progress = Progress::new(args.quiet);
    let follow = follow(cluster, &args.name, &mut progress, output);
    let Ok(followed) = tokio::time::timeout(args.timeout, follow).await else {
        let (name, limit) = (args.name.clone(), time::flag(args.timeout));
        return Err(Error::Timeout { name, limit, last: progress.last });
    };
    let preview = followed?;
    if preview.url().is_some() {
        return output.print(&format!("{}\n", web_url(&preview)?));
    }
    let reason = preview.why_no_url();
    output.note(&format!("{} is ready and has no URL: {reason}", args.name));
    Ok(())
}

/// Returns the preview when it is ready.
async fn follow(
    cluster: &Cluster,
    name: &str,
    progress: &mut Progress,
    output: &mut Output<'_>,
) -> Result<Preview, Error> {
    let mut preview = cluster.get(name).await?;
    loop {
        if progress.update(&preview, output)? {
            return Ok(preview);
        }
        if let Some(ready) = follow_watch(cluster, &preview, progress, output).await? {
            return Ok(ready);
        }
        preview = read_again(cluster, name).await?;
    }
}

/// Follows one watch to its end. Returns the preview if it becomes ready.
async fn follow_watch(
    cluster: &Cluster,
    start: &Preview,
    progress: &mut Progress,
    output: &mut Output<'_>,
) -> Result<Option<Preview>, Error> {
    let mut changes = match cluster.watch(start).await {
        Ok(changes) => std::pin::pin!(changes),
        Err(error) if error.is_transient() => return Ok(None),
        Err(error) => return Err(error),
    };
    while let Some(change) = changes.next().await {
        match change? {
            Change::Modified(preview) if progress.update(&preview, output)? => {
                return Ok(Some(*preview));
            }
            Change::Modified(_) => {}
            Change::Deleted => return Err(Error::Deleted { name: start.name() }),
            Change::Ended => break,
        }
    }
    Ok(None)
}

/// Reads the preview, and tries again while the API server is not available.
async fn read_again(cluster: &Cluster, name: &str) -> Result<Preview, Error> {
    loop {
        tokio::time::sleep(PAUSE).await;
        match cluster.get(name).await {
            Err(Error::NotFound { name, .. }) => return Err(Error::Deleted { name }),
            Err(error) if error.is_transient() => {}
            result => return result,
        }
    }
}

struct Progress {
    quiet: bool,
    start: Instant,
    /// The last line about each condition.
    lines: BTreeMap<String, String>,
    /// Why the preview is not ready, for the error after a timeout.
    last: String,
}

impl Progress {
    fn new(quiet: bool) -> Self {
        let last = "the API server did not answer".to_owned();
        Self { quiet, start: Instant::now(), lines: BTreeMap::new(), last }
    }

    /// Shows what changed, and returns whether the preview is ready.
    fn update(&mut self, preview: &Preview, output: &mut Output<'_>) -> Result<bool, Error> {
        for line in self.new_lines(preview) {
            if !self.quiet {
                let seconds = self.start.elapsed().as_secs();
                output.note(&format!("{seconds:>4}s  {line}"));
            }
        }
        self.last = preview.why_not_ready();
        if preview.is_being_deleted() {
            return Err(Error::Deleted { name: preview.name() });
        }
        if let Some(stalled) = preview.stalled() {
            return Err(Error::NeedsEdit { name: preview.name(), message: describe(stalled) });
        }
        if preview.is_waiting_for_its_route() {
            self.last = preview.why_no_url();
            return Ok(false);
        }
        Ok(preview.is_ready())
    }

    /// A line for each condition that changed.
    fn new_lines(&mut self, preview: &Preview) -> Vec<String> {
        let lines: Vec<(String, String)> = if preview.is_current() {
            let conditions = preview.conditions().iter();
            conditions
                .filter(|condition| SHOWN.contains(&&*condition.type_))
                .map(|c| (c.type_.clone(), format!("{} is {}: {}", c.type_, c.status, describe(c))))
                .collect()
        } else {
            let line = "the operator has not processed the last change yet";
            vec![(String::new(), line.to_owned())]
        };
        let mut new = Vec::new();
        for (about, line) in lines {
            if self.lines.insert(about, line.clone()).as_ref() != Some(&line) {
                new.push(line);
            }
        }
        new
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
