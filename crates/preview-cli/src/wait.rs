//! `wait`: follows a preview until it is ready and its route, where it is to have one, is taken,
//! and tells what changes on the way. From a watch: nothing is asked twice.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use kubewright::cli::Streams;
use kubewright::core::condition::READY;
use operator_api::preview::ROUTE_ACCEPTED;
use tokio::time::Instant;

use crate::args::WaitArgs;
use crate::cluster::{Cluster, Event};
use crate::error::Error;
use crate::preview::Preview;
use crate::table::shown;
use crate::time;

/// Before it is looked again after a watch broke: an API server that starts needs a moment.
const PAUSE: Duration = Duration::from_secs(1);
/// The conditions that are told: whether it works, and whether it is reached. All others are why,
/// which the former say.
const TOLD: [&str; 2] = [READY, ROUTE_ACCEPTED];

pub(crate) async fn wait(
    cluster: &Cluster,
    args: &WaitArgs,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let mut progress = Progress::new(args.quiet);
    let followed =
        tokio::time::timeout(args.timeout, follow(cluster, &args.name, &mut progress, streams))
            .await;
    let Ok(followed) = followed else {
        let (name, limit) = (args.name.clone(), time::written(args.timeout));
        return Err(Error::NotInTime { name, limit, last: progress.last });
    };
    let preview = followed?;
    match preview.url() {
        Some(url) => streams.print(&format!("{url}\n"))?,
        None => streams.print_message(&format!(
            "{} is ready, and has no URL: {}",
            args.name,
            preview.why_no_url()
        )),
    }
    Ok(())
}

async fn follow(
    cluster: &Cluster,
    name: &str,
    progress: &mut Progress,
    streams: &mut Streams<'_>,
) -> Result<Preview, Error> {
    let mut preview = cluster.get(name).await?;
    loop {
        if let Some(ready) = progress.look(preview, streams)? {
            return Ok(ready.clone());
        }
        preview = match next(cluster, progress, streams).await? {
            Some(ready) => return Ok(ready),
            None => again(cluster, name).await?,
        };
    }
}

/// Follows one watch to its end; `Some` where the preview is ready.
async fn next(
    cluster: &Cluster,
    progress: &mut Progress,
    streams: &mut Streams<'_>,
) -> Result<Option<Preview>, Error> {
    let Some(from) = progress.preview.clone() else { return Ok(None) };
    let mut events = match cluster.watch(&from).await {
        Ok(events) => events,
        Err(error) if passes(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    while let Some(event) = events.next().await {
        match event? {
            Event::Is(preview) => {
                if let Some(ready) = progress.look(*preview, streams)? {
                    return Ok(Some(ready.clone()));
                }
            }
            Event::Gone => return Err(Error::Deleted { name: from.name() }),
            Event::Over => break,
        }
    }
    Ok(None)
}

/// Reads it anew, as often as it takes while the API server is away.
async fn again(cluster: &Cluster, name: &str) -> Result<Preview, Error> {
    loop {
        tokio::time::sleep(PAUSE).await;
        match cluster.get(name).await {
            Err(Error::NotFound { name, .. }) => return Err(Error::Deleted { name }),
            Err(error) if passes(&error) => {}
            result => return result,
        }
    }
}

/// Whether an error may be over the next time.
fn passes(error: &Error) -> bool {
    matches!(error, Error::Connect(_) | Error::Server { .. } | Error::Refused { .. })
}

/// What was seen and told so far.
struct Progress {
    quiet: bool,
    begin: Instant,
    told: BTreeMap<String, String>,
    /// In one line, what is missing.
    last: String,
    preview: Option<Preview>,
}

impl Progress {
    fn new(quiet: bool) -> Self {
        let last = "nothing was heard of it".to_owned();
        Self { quiet, begin: Instant::now(), told: BTreeMap::new(), last, preview: None }
    }

    /// Tells what is new; `Some` where it is ready.
    fn look(
        &mut self,
        preview: Preview,
        streams: &mut Streams<'_>,
    ) -> Result<Option<&Preview>, Error> {
        for line in self.news(&preview) {
            if !self.quiet {
                let seconds = self.begin.elapsed().as_secs();
                streams.print_message(&format!("{seconds:>4}s  {line}"));
            }
        }
        self.last = preview.told();
        let preview = self.preview.insert(preview);
        if preview.is_being_deleted() {
            return Err(Error::Deleted { name: preview.name() });
        }
        if let Some(stalled) = preview.stalled() {
            let (reason, message) = (stalled.reason.clone(), stalled.message.clone());
            return Err(Error::Stalled { name: preview.name(), reason, message });
        }
        if preview.waits_for_its_route() {
            self.last = preview.why_no_url();
            return Ok(None);
        }
        Ok(Some(&*preview).filter(|preview| preview.is_ready()))
    }

    /// The conditions that say something that they did not say before, a line each.
    fn news(&mut self, preview: &Preview) -> Vec<String> {
        if !preview.is_current() {
            return self
                .new_line("", "the operator has not looked at the last change yet".to_owned());
        }
        let mut lines = Vec::new();
        for condition in
            preview.conditions().iter().filter(|condition| TOLD.contains(&&*condition.type_))
        {
            let line = format!(
                "{} is {}: {}",
                condition.type_,
                condition.status,
                shown(&crate::preview::said(condition))
            );
            lines.extend(self.new_line(&condition.type_, line));
        }
        lines
    }

    fn new_line(&mut self, about: &str, line: String) -> Vec<String> {
        let before = self.told.insert(about.to_owned(), line.clone());
        if before.as_ref() == Some(&line) { Vec::new() } else { vec![line] }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
