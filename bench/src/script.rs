//! The requests of one operator, in the form in which the bare client replays them.
//!
//! A [`Script`] comes from a [`Recording`]: nothing in it was built by the bench. UIDs are those of
//! the recorder, which the bare client replaces by the real ones; they have the same length.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::recorder::{Arrival, Recording};
use crate::request::{Request, collection_of_object};
use crate::workload::{Workload, uid};

/// The engine adds up to 19 seconds of jitter to the length of a watch; the script has the middle.
const WATCH_SECONDS: &str = "300";
/// Stands for the resourceVersion from which a watch starts.
const POSITION: &str = "POSITION";

/// Everything that an operator sends for some resources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Script {
    /// Requests before the first list.
    pub(crate) start: Vec<Request>,
    /// Lists and watches.
    pub(crate) collections: Vec<Collection>,
    /// How many writes of a resource are sent side by side, one number for each round.
    pub(crate) rounds: Vec<usize>,
    pub(crate) resources: Vec<Resource>,
}

/// One watched collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Collection {
    pub(crate) list: Request,
    /// The watch; [`Collection::watch_from`] fills in where it starts.
    watch: Request,
    /// Whether it contains the resources, and not their children.
    pub(crate) of_resources: bool,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resource {
    pub(crate) name: String,
    /// The UID in the bodies of `writes`.
    pub(crate) uid: String,
    pub(crate) writes: Vec<Request>,
}

impl Collection {
    /// The watch from this resourceVersion on.
    pub(crate) fn watch_from(&self, version: &str) -> Request {
        let uri = self.watch.uri_with("resourceVersion", version);
        Request { uri, ..self.watch.clone() }
    }
}

impl Script {
    /// The script for the first `count` resources.
    ///
    /// # Errors
    /// [`Error::Unmeasurable`]: the operator did not send the same requests for each resource.
    pub(crate) fn new(
        recording: &Recording,
        workload: Workload,
        count: usize,
    ) -> Result<Self, Error> {
        let reads: Vec<&Request> = recording
            .arrivals
            .iter()
            .map(|arrival| &arrival.request)
            .filter(|request| request.method == "GET")
            .collect();
        let (collections, start) = collections(&reads, workload)?;
        let mut writes: Vec<Vec<&Arrival>> = vec![Vec::new(); count];
        for arrival in &recording.arrivals {
            if let Some(writes) = arrival.resource.and_then(|number| writes.get_mut(number)) {
                writes.push(arrival);
            }
        }
        sort_writes(&mut writes)?;
        let rounds = rounds(&writes);
        let resources = writes.into_iter().enumerate().map(|(number, writes)| Resource {
            name: workload.object_name(number),
            uid: uid(number),
            writes: writes.into_iter().map(|write| write.request.clone()).collect(),
        });
        Ok(Self { start, collections, rounds, resources: resources.collect() })
    }

    /// The same without writes.
    pub(crate) fn reads(&self) -> Self {
        Self { resources: Vec::new(), ..self.clone() }
    }

    /// How many writes each resource takes.
    pub(crate) fn writes_per_resource(&self) -> usize {
        self.rounds.iter().sum()
    }

    pub(crate) fn numbers_by_name(&self) -> HashMap<&str, usize> {
        self.resources.iter().enumerate().map(|(number, r)| (&*r.name, number)).collect()
    }

    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let text = fs::read(path).map_err(failed)?;
        serde_json::from_slice(&text).map_err(|error| failed(error.into()))
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        fs::write(path, text).map_err(failed)
    }
}

/// Whether both read the same objects.
fn is_same(one: &Request, other: &Request) -> bool {
    let selector = |request: &Request| request.parameter("labelSelector").map(str::to_owned);
    one.path() == other.path() && selector(one) == selector(other)
}

/// The watched collections, the resources first, and all other reads.
fn collections(
    reads: &[&Request],
    workload: Workload,
) -> Result<(Vec<Collection>, Vec<Request>), Error> {
    let of_resources = workload.kinds()[0].path(None);
    let mut found: BTreeMap<(bool, &str), Collection> = BTreeMap::new();
    for watch in reads.iter().filter(|request| request.is_watch()) {
        let path = watch.path();
        let list = reads.iter().find(|read| !read.is_watch() && is_same(read, watch));
        let Some(list) = list else {
            return Err(Error::Unmeasurable(format!(
                "the operator watches {path} without listing it first; the bare client cannot \
                 replay that, teach `bare` to"
            )));
        };
        let uri = watch.uri_with("resourceVersion", POSITION);
        let watch = Request { uri, ..(*watch).clone() };
        let uri = watch.uri_with("timeoutSeconds", WATCH_SECONDS);
        let is_of_resources = path == of_resources;
        found.entry((!is_of_resources, path)).or_insert_with(|| Collection {
            list: (*list).clone(),
            watch: Request { uri, ..watch },
            of_resources: is_of_resources,
        });
    }
    // A list of other objects of the same kind is not replayed beside the watch.
    let is_list = |read: &Request| found.values().any(|found| is_same(read, &found.list));
    let start = reads.iter().filter(|read| !is_list(read)).map(|read| (*read).clone()).collect();
    Ok((found.into_values().collect(), start))
}

/// Sorts the writes of each resource by round, and within a round by kind. Writes of one round
/// travel over different connections, so that they arrive in any order.
fn sort_writes(writes: &mut [Vec<&Arrival>]) -> Result<(), Error> {
    let kind_of = |write: &Arrival| collection_of_object(write.request.path());
    let mut answered: HashMap<String, usize> = HashMap::new();
    for write in writes.iter().flatten() {
        let least = answered.entry(kind_of(write)).or_insert(usize::MAX);
        *least = write.answered_before.min(*least);
    }
    for of_one in writes.iter_mut() {
        of_one.sort_by_cached_key(|write| (answered[&kind_of(write)], kind_of(write)));
    }
    let kinds = |of_one: &Vec<&Arrival>| of_one.iter().map(|w| kind_of(w)).collect::<Vec<_>>();
    let expected = writes.first().map(kinds).unwrap_or_default();
    match writes.iter().map(kinds).enumerate().find(|(_, kinds)| *kinds != expected) {
        Some((number, found)) => Err(Error::Unmeasurable(format!(
            "the operator wrote {found:?} for resource {number} and {expected:?} for resource 0"
        ))),
        None => Ok(()),
    }
}

/// A round starts with a write that was sent after all earlier ones were answered.
fn rounds(writes: &[Vec<&Arrival>]) -> Vec<usize> {
    let count = writes.first().map_or(0, Vec::len);
    let mut rounds: Vec<usize> = Vec::new();
    for position in 0..count {
        let answered = writes.iter().map(|of_one| of_one[position].answered_before).min();
        match rounds.last_mut() {
            Some(round) if answered != Some(position) => *round += 1,
            _ => rounds.push(1),
        }
    }
    rounds
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn arrival(uri: &str, resource: Option<usize>, answered_before: usize) -> Arrival {
        let method = if resource.is_some() { "PATCH" } else { "GET" }.to_owned();
        let (headers, body) = (BTreeMap::new(), String::new());
        let request = Request { method, uri: uri.to_owned(), headers, body };
        Arrival { request, resource, answered_before }
    }

    fn recording(writes: &[(&str, usize, usize)]) -> Recording {
        let echoes = Workload::Echo.kinds()[0].path(None);
        let mut arrivals = vec![
            arrival("/version", None, 0),
            arrival(&format!("{echoes}?limit=500"), None, 0),
            arrival(&format!("{echoes}?watch=true&timeoutSeconds=291&resourceVersion=7"), None, 0),
        ];
        for (path, resource, before) in writes {
            arrivals.push(arrival(&format!("{path}/{resource}"), Some(*resource), *before));
        }
        Recording { arrivals, most_writes_in_flight: 0, connections: 0 }
    }

    const A: &str = "/apis/g/v1/namespaces/n/as";
    const B: &str = "/apis/g/v1/namespaces/n/bs";
    const C: &str = "/apis/g/v1/namespaces/n/cs";

    #[test]
    fn writes_that_overtake_each_other_stay_in_their_round() {
        let recording = recording(&[
            (B, 0, 0),
            (A, 0, 0),
            (C, 0, 2),
            (B, 1, 0),
            (A, 1, 1),
            (C, 1, 2),
            (A, 2, 0),
            (B, 2, 0),
            (C, 2, 2),
        ]);
        let script = Script::new(&recording, Workload::Echo, 3).unwrap();
        assert_eq!(script.rounds, [2, 1]);
        for resource in &script.resources {
            let paths: Vec<&str> = resource.writes.iter().map(|w| &w.uri[..B.len()]).collect();
            assert_eq!(paths, [A, B, C]);
        }
    }

    #[test]
    fn a_watch_starts_where_its_list_ended() {
        let script = Script::new(&recording(&[(A, 0, 0)]), Workload::Echo, 1).unwrap();
        assert_eq!(script.start.len(), 1, "{:?}", script.start);
        assert!(script.collections[0].of_resources);
        let uri = script.collections[0].watch_from("12").uri;
        assert!(uri.ends_with("?watch=true&timeoutSeconds=300&resourceVersion=12"), "{uri}");
    }

    #[test]
    fn resources_with_different_writes_cannot_be_replayed() {
        let recording = recording(&[(A, 0, 0), (B, 1, 0)]);
        assert!(Script::new(&recording, Workload::Echo, 2).is_err());
    }
}
