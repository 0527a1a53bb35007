//! `status`: all about one preview.
//!
//! - here: what is asked of the cluster for it
//! - `objects`: how its objects and pods are; `events`: what happened lately; `text`: all of it for
//!   people

mod events;
mod objects;
mod text;

use futures::future::join_all;
use jiff::Timestamp;
use kubewright::cli::Streams;
use kubewright::core::labels;
use kubewright::manifests::yaml::to_yaml;
use kubewright::{KindInfo, Registry, names};
use operator_api::preview::PreviewEnvironment;

use crate::args::{ObjectOutput, StatusArgs};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::list::json;
use crate::preview::Preview;

use self::events::Happened;
use self::objects::Row;

/// All that is shown.
struct Report {
    preview: Preview,
    objects: Vec<Row>,
    events: Vec<Happened>,
    /// What could not be found out.
    gaps: Vec<String>,
}

pub(crate) async fn status(
    cluster: &Cluster,
    registry: &Registry,
    args: &StatusArgs,
    now: Timestamp,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let preview = cluster.get(&args.name).await?;
    match args.output {
        Some(ObjectOutput::Json) => streams.print(&json(&preview.raw)?)?,
        Some(ObjectOutput::Yaml) => streams.print(&to_yaml(&preview.raw)?)?,
        None => streams.print(&text::text(&report(cluster, registry, preview).await?, now))?,
    }
    Ok(())
}

/// Asks for everything at once. What may not be seen leaves a gap that is told; the rest is worth
/// showing.
async fn report(cluster: &Cluster, registry: &Registry, preview: Preview) -> Result<Report, Error> {
    let kind = KindInfo::of::<PreviewEnvironment>();
    let controller =
        registry.controller_of(&kind.api_version(), &kind.kind).ok_or(Error::NoOperator)?;
    let instance = names::label_value(&preview.name());
    let selector =
        format!("{}={},{}={instance}", labels::MANAGED_BY, registry.name(), labels::INSTANCE);
    let owned: Vec<KindInfo> = controller.owns().into_iter().map(|owned| owned.info).collect();
    let mut asked: Vec<(KindInfo, String)> =
        owned.into_iter().map(|kind| (kind, selector.clone())).collect();
    if let Some(pods) = preview.status().selector.clone() {
        asked.push((KindInfo::of::<k8s_openapi::api::core::v1::Pod>(), pods));
    }
    let answers =
        join_all(asked.iter().map(|(kind, selector)| cluster.objects(kind, selector))).await;

    let (mut rows, mut gaps, mut uids) = (Vec::new(), Vec::new(), vec![preview.uid().to_owned()]);
    for ((kind, _), answer) in asked.iter().zip(answers) {
        match answer {
            Ok(found) => {
                let found = found.unwrap_or_default();
                let belongs = found
                    .into_iter()
                    .filter(|object| objects::belongs(kind, object, preview.uid()));
                for object in belongs {
                    uids.extend(object.metadata.uid.clone());
                    rows.push(objects::row(kind, object, &preview));
                }
            }
            Err(error) => gaps.push(format!("{}: {error}", kind.resource())),
        }
    }
    let events = join_all(uids.iter().map(|uid| cluster.events(uid))).await;
    let (happened, failed): (Vec<_>, Vec<_>) = events.into_iter().partition(Result::is_ok);
    gaps.extend(
        failed.into_iter().filter_map(Result::err).take(1).map(|error| format!("events: {error}")),
    );
    let events = events::latest(happened.into_iter().flatten().flatten());
    Ok(Report { preview, objects: rows, events, gaps })
}
