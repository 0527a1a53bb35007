//! Requests that the API server has answered for the kinds of a workload, by its own counters.

use std::collections::BTreeMap;

use crate::client::Api;
use crate::error::Error;
use crate::prometheus::Samples;

const COUNTER: &str = "apiserver_request_total";
/// Resources of the operator's requests. Without a controller manager, only the bench requests them
/// as well. Other requests of the operator would show as a difference to its own counter.
const RESOURCES: [&str; 6] =
    ["echoes", "deployments", "services", "websites", "configmaps", "events"];
/// The API server counts a watch when it ends; it is reopened every few minutes, however many
/// resources exist.
const WATCH: &str = "WATCH";

/// Requests by verb, resource and subresource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requests(BTreeMap<[String; 3], f64>);

impl Requests {
    /// The requests so far.
    pub(crate) async fn read(api: &Api) -> Result<Self, Error> {
        let bytes = api.get("/metrics").await?;
        Self::parse(&String::from_utf8_lossy(&bytes))
            .ok_or_else(|| Error::Unmeasurable(format!("the API server has no {COUNTER}")))
    }

    fn parse(text: &str) -> Option<Self> {
        let samples = Samples::parse(text, &[COUNTER]);
        samples.sum(COUNTER)?;
        let mut requests = BTreeMap::new();
        for ([verb, resource, subresource], count) in
            samples.rows(COUNTER, ["verb", "resource", "subresource"])
        {
            if RESOURCES.contains(&resource) && verb != WATCH {
                *requests.entry([verb, resource, subresource].map(str::to_owned)).or_default() +=
                    count;
            }
        }
        Some(Self(requests))
    }

    /// The requests since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = |(key, count): (&[String; 3], &f64)| {
            (key.clone(), count - before.0.get(key).unwrap_or(&0.0))
        };
        Self(self.0.iter().map(more).filter(|(_, count)| *count != 0.0).collect())
    }

    /// The requests without `own` requests of the bench.
    pub(crate) fn without(mut self, verb: &str, resource: &str, own: f64) -> Self {
        *self.0.entry([verb, resource, ""].map(str::to_owned)).or_default() -= own;
        self
    }

    /// Checks `sent`, the client's own count, against the API server's, and returns it.
    ///
    /// The API server does not count by client, and sends requests itself: it reads Services and
    /// ConfigMaps, and writes Events. For these the client's count decides.
    pub(crate) fn confirm(&self, what: &str, sent: f64) -> Result<f64, Error> {
        let may_be_foreign = |[verb, resource, _]: &[String; 3]| {
            let is_read = verb == "GET" || verb == "LIST";
            resource == "events" || (is_read && ["services", "configmaps"].contains(&&**resource))
        };
        let (total, foreign) = (self.total(), self.only(may_be_foreign).total());
        if (total - foreign..=total).contains(&sent) {
            return Ok(sent);
        }
        let answered = &self.0;
        Err(Error::Unmeasurable(format!(
            "{what}: the client counts {sent} requests, and the API server answered {answered:?}"
        )))
    }

    /// The requests that change something.
    pub(crate) fn writes(&self) -> Self {
        self.only(|[verb, ..]| verb != "GET" && verb != "LIST")
    }

    /// The server-side applies.
    pub(crate) fn applies(&self) -> Self {
        self.only(|[verb, ..]| verb == "APPLY")
    }

    fn only(&self, fits: impl Fn(&[String; 3]) -> bool) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(key, _)| fits(key))
                .map(|(key, count)| (key.clone(), *count))
                .collect(),
        )
    }

    fn total(&self) -> f64 {
        self.0.values().fold(0.0, std::ops::Add::add)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"
apiserver_request_total{code="201",resource="echoes",subresource="",verb="POST"} 2
apiserver_request_total{code="200",resource="echoes",subresource="",verb="WATCH"} 9
apiserver_request_total{code="200",resource="leases",subresource="",verb="PUT"} 5
"#;
    const AFTER: &str = r#"
apiserver_request_total{code="201",resource="echoes",subresource="",verb="POST"} 6
apiserver_request_total{code="409",resource="echoes",subresource="",verb="POST"} 1
apiserver_request_total{code="200",resource="echoes",subresource="status",verb="APPLY"} 3
apiserver_request_total{code="200",resource="services",subresource="",verb="GET"} 1
apiserver_request_total{code="200",resource="echoes",subresource="",verb="WATCH"} 12
apiserver_request_total{code="200",resource="leases",subresource="",verb="PUT"} 8
"#;

    #[test]
    fn requests_count_whatever_their_answer_except_watches_and_other_kinds() {
        let since = Requests::parse(AFTER).unwrap().since(&Requests::parse(BEFORE).unwrap());
        assert_eq!(
            (since.total(), since.writes().total(), since.applies().total()),
            (9.0, 8.0, 3.0)
        );
        let others = since.without("POST", "echoes", 4.0);
        assert_eq!(others.total(), 5.0);
        assert_eq!(
            (others.confirm("x", 5.0).unwrap(), others.confirm("x", 4.0).unwrap()),
            (5.0, 4.0),
            "the read may come from the API server itself"
        );
        assert!(others.confirm("x", 3.0).is_err() && others.confirm("x", 6.0).is_err());
        assert_eq!(Requests::parse("other 1\n"), None, "a missing counter is not zero");
    }
}
