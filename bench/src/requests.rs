//! What the API server has answered for the kinds of the workload, by its own counters.

use std::collections::BTreeMap;

use crate::client::Api;
use crate::error::Error;
use crate::prometheus::Samples;

const COUNTER: &str = "apiserver_request_total";
/// What the operator may ask for with the workload, and nobody but it and the bench does while
/// there is no controller manager. A request of the operator for anything else would show as a
/// difference to its own counter.
const RESOURCES: [&str; 4] = ["echoes", "deployments", "services", "events"];
/// Counted when they end, and opened again every few minutes however many resources there are.
const WATCH: &str = "WATCH";

/// Requests by verb, resource and subresource.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requests(BTreeMap<[String; 3], f64>);

impl Requests {
    /// Answered so far.
    pub(crate) async fn so_far(api: &Api) -> Result<Self, Error> {
        let bytes = api.get("/metrics").await?;
        let requests = Self::parse(&String::from_utf8_lossy(&bytes));
        match requests {
            Some(requests) => Ok(requests),
            None => Err(Error::Unmeasurable(format!("the API server has no {COUNTER}"))),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let samples = Samples::parse(text, &[COUNTER]);
        samples.sum(COUNTER, &[])?;
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

    /// What came since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = |(key, count): (&[String; 3], &f64)| {
            (key.clone(), count - before.0.get(key).unwrap_or(&0.0))
        };
        Self(self.0.iter().map(more).filter(|(_, count)| *count != 0.0).collect())
    }

    /// All but so many of this kind, which were the bench's own.
    pub(crate) fn without(mut self, verb: &str, resource: &str, own: f64) -> Self {
        *self.0.entry([verb, resource, ""].map(str::to_owned)).or_default() -= own;
        self
    }

    /// How many of them the operator sent, which counts so many itself.
    ///
    /// The API server's counter does not tell who asked, and the API server itself looks at
    /// Services every few seconds and writes an Event when it finds an address later than
    /// expected. Of these the operator's own count decides; all others must be its own.
    pub(crate) fn agreed(&self, what: &str, operator: f64) -> Result<f64, Error> {
        let anybodys = |[verb, resource, _]: &[String; 3]| {
            resource == "events" || (resource == "services" && (verb == "GET" || verb == "LIST"))
        };
        let (total, anybodys) = (self.total(), self.only(anybodys).total());
        if (total - anybodys..=total).contains(&operator) {
            return Ok(operator);
        }
        let all = &self.0;
        Err(Error::Unmeasurable(format!(
            "{what}: the operator counts {operator} requests, and the API server answered {all:?}"
        )))
    }

    /// Those that change something.
    pub(crate) fn writes(&self) -> Self {
        self.only(|[verb, ..]| verb != "GET" && verb != "LIST")
    }

    /// Server-side applies.
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
    fn requests_are_counted_whatever_their_answer_and_without_watches_and_other_kinds() {
        let since = Requests::parse(AFTER).unwrap().since(&Requests::parse(BEFORE).unwrap());
        assert_eq!(
            (since.total(), since.writes().total(), since.applies().total()),
            (9.0, 8.0, 3.0)
        );
        let others = since.without("POST", "echoes", 4.0);
        assert_eq!(others.total(), 5.0);
        assert_eq!(
            (others.agreed("x", 5.0).unwrap(), others.agreed("x", 4.0).unwrap()),
            (5.0, 4.0),
            "the read may be anybody's"
        );
        assert!(others.agreed("x", 3.0).is_err() && others.agreed("x", 6.0).is_err());
        assert_eq!(
            Requests::parse("other 1\n"),
            None,
            "an API server that does not count is no API server at rest"
        );
    }
}
