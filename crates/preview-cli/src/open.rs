//! `open`: the URL of a preview, in a browser or on standard output.

use std::process::Command;

use kubewright::cli::Streams;

use crate::args::OpenArgs;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::preview::Preview;

/// What opens an address with whatever the desktop has for it.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

pub(crate) async fn open(
    cluster: &Cluster,
    args: &OpenArgs,
    streams: &mut Streams<'_>,
) -> Result<(), Error> {
    let preview = cluster.get(&args.name).await?;
    let url = url(&preview)?;
    if args.print {
        return Ok(streams.print(&format!("{url}\n"))?);
    }
    streams.print_message(&format!("opening {url}"));
    let status = Command::new(OPENER)
        .arg(url)
        .status()
        .map_err(|source| Error::Browser { program: OPENER, source })?;
    if status.success() { Ok(()) } else { Err(Error::BrowserFailed { program: OPENER, status }) }
}

/// The address, if it is one of a web page: what opens addresses opens files and starts programs,
/// too.
fn url(preview: &Preview) -> Result<&str, Error> {
    let Some(url) = preview.url() else {
        return Err(Error::NoUrl { name: preview.name(), why: preview.why_no_url() });
    };
    let web = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    if web && !url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        Ok(url)
    } else {
        Err(Error::StrangeUrl { url: url.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::preview::tests::{condition, preview};

    use super::*;

    fn of(status: &serde_json::Value) -> Result<String, String> {
        url(&preview("web", &json!({}), status))
            .map(str::to_owned)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_url_of_the_status_is_opened() {
        let status = json!({ "observedGeneration": 2, "url": "https://web.example.com/app" });
        assert_eq!(of(&status), Ok("https://web.example.com/app".to_owned()));
    }

    #[test]
    fn where_there_is_none_the_reason_is_told() {
        let conditions =
            [condition("RouteAccepted", "False", "NotServed", "the cluster has no Mapping")];
        let status = json!({ "observedGeneration": 2, "conditions": conditions });
        assert_eq!(
            of(&status),
            Err("web has no URL: the cluster has no Mapping (NotServed)".to_owned())
        );
    }

    #[test]
    fn what_is_no_address_of_a_web_page_is_not_opened() {
        for url in ["file:///etc/passwd", "javascript:alert(1)", "-x", "http://a b", "https://a\nb"]
        {
            let said = of(&json!({ "observedGeneration": 2, "url": url }));
            assert!(
                said.as_ref().is_err_and(|said| said.contains("nothing was opened")),
                "{url}: {said:?}"
            );
        }
    }
}
