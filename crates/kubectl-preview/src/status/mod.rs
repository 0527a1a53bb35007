//! `status`: shows one preview.
//!
//! - `report`: the requests, and their results
//! - `objects`: the state of its objects and pods; `events`: its latest Events
//! - `text`: the report as text

mod events;
mod objects;
mod report;
mod text;

use jiff::Timestamp;

use crate::args::{ObjectOutput, StatusArgs};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::output::{Output, to_json};
use crate::yaml::to_yaml;

pub(crate) async fn status(
    cluster: &Cluster,
    args: &StatusArgs,
    now: Timestamp,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    let preview = cluster.get(&args.name).await?;
    match args.output {
        Some(ObjectOutput::Json) => output.print(&to_json(&preview.raw)?),
        Some(ObjectOutput::Yaml) => output.print(&to_yaml(&preview.raw)),
        None => output.print(&text::text(&report::report(cluster, preview, now).await, now)),
    }
}
