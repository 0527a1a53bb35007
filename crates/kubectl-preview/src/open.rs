//! `open`: opens the URL of a preview in a browser, or prints it.

use std::process::Command;

use kubewright_core::internals::printable::is_unsafe;

use crate::args::OpenArgs;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::output::Output;
use crate::preview::Preview;

/// The desktop's program that opens a URL.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

pub(crate) async fn open(
    cluster: &Cluster,
    args: &OpenArgs,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    let preview = cluster.get(&args.name).await?;
    let url = web_url(&preview)?;
    if args.print {
        return output.print(&format!("{url}\n"));
    }
    output.note(&format!("opening {url}"));
    let status = Command::new(OPENER)
        .arg(url)
        .status()
        .map_err(|source| Error::Browser { program: OPENER, source })?;
    if status.success() { Ok(()) } else { Err(Error::BrowserFailed { program: OPENER, status }) }
}

/// The URL, if it is a web address: the opener would also open files and start programs, and a
/// script would read two lines as two addresses.
pub(crate) fn web_url(preview: &Preview) -> Result<&str, Error> {
    let name = preview.name();
    let Some(url) = preview.url() else {
        return Err(Error::NoUrl { name, reason: preview.why_no_url() });
    };
    let web = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    if web && !url.contains(|c: char| is_unsafe(c) || c.is_whitespace()) {
        Ok(url)
    } else {
        Err(Error::NotWebUrl { name, url: url.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::preview::tests::{condition, preview};

    use super::*;

    fn url_of(status: &Value) -> Result<String, String> {
        web_url(&preview("web", &json!({}), status))
            .map(str::to_owned)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_url_of_the_status_is_opened() {
        let status = json!({ "observedGeneration": 2, "url": "https://web.example.com/app" });
        assert_eq!(url_of(&status), Ok("https://web.example.com/app".to_owned()));
    }

    #[test]
    fn a_preview_without_a_url_gives_the_reason() {
        let route = condition("RouteAccepted", "False", "NotServed", "the cluster has no Mapping");
        let status = json!({ "observedGeneration": 2, "conditions": [route] });
        let error = "web has no URL: the cluster has no Mapping (NotServed)".to_owned();
        assert_eq!(url_of(&status), Err(error));
    }

    #[test]
    fn a_url_that_is_not_a_web_address_is_not_opened() {
        for url in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "-x",
            "http://a b",
            "https://a\nb",
            "https://a\u{202e}b",
        ] {
            let result = url_of(&json!({ "observedGeneration": 2, "url": url }));
            let refused = |error: &String| error.ends_with("it is not used");
            assert!(result.as_ref().is_err_and(refused), "{url}: {result:?}");
        }
    }
}
