//! Waits until resources are ready, with a live table.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use kubewright_testing::control_plane::ControlPlane;
use serde_json::Value;

use super::error::DevError;
use super::follow;
use super::operator::Operator;
use crate::cluster::kubectl_on;
use crate::interrupt::Interrupt;
use crate::terminal;

/// The interval of requests: fast enough for a live table, and cheap.
const POLL: Duration = Duration::from_millis(300);

/// An object as the API server returned it.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    body: Value,
    is_deleted: bool,
}

impl Resource {
    /// Reads the objects in the output of `kubectl -o json`: single objects and lists.
    pub(crate) fn read_all(json: &str) -> Result<Vec<Self>, serde_json::Error> {
        let mut all = Vec::new();
        for printed in serde_json::Deserializer::from_str(json).into_iter() {
            match printed? {
                Value::Object(mut list) if list.contains_key("items") => {
                    all.extend(
                        list["items"].take().as_array_mut().map(std::mem::take).unwrap_or_default(),
                    );
                }
                one => all.push(one),
            }
        }
        Ok(all.into_iter().map(|body| Self { body, is_deleted: false }).collect())
    }

    /// The text at a path; empty if it is missing.
    fn text(&self, path: &str) -> &str {
        self.body.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// kubectl's name of the object: `echo.example.com/web`.
    pub(crate) fn reference(&self) -> String {
        let (kind, name) = (self.text("/kind").to_lowercase(), self.text("/metadata/name"));
        match self.text("/apiVersion").split_once('/') {
            None => format!("{kind}/{name}"),
            Some((group, _)) => format!("{kind}.{group}/{name}"),
        }
    }

    fn ready(&self) -> Option<&Value> {
        let conditions = self.body.pointer("/status/conditions")?.as_array()?;
        conditions.iter().find(|condition| condition["type"] == "Ready")
    }

    /// Whether the resource is ready in its current generation.
    pub(crate) fn is_ready(&self) -> bool {
        let number = |path| self.body.pointer(path).and_then(Value::as_i64);
        number("/status/observedGeneration") >= number("/metadata/generation")
            && !self.is_deleted
            && self.ready().is_some_and(|condition| condition["status"] == "True")
    }

    /// `Ready True`, `Ready False: RolloutInProgress: 0/2 replicas ready` or `no status yet`.
    pub(crate) fn describe(&self) -> String {
        if self.is_deleted {
            return "deleted".to_owned();
        }
        let Some(condition) = self.ready() else { return "no status yet".to_owned() };
        let text = |name: &str| condition[name].as_str().filter(|text| !text.is_empty());
        let details: Vec<&str> =
            ["status", "reason", "message"].into_iter().filter_map(text).collect();
        format!("Ready {}", details.join(": "))
    }
}

/// Waits until all `resources` are ready; returns `false` after an interrupt.
pub(super) fn wait(
    control_plane: &ControlPlane,
    mut resources: Vec<Resource>,
    operator: &mut Operator,
    interrupt: &Interrupt,
    limit: Duration,
) -> Result<bool, DevError> {
    let mut table = Table::new(&resources);
    let start = Instant::now();
    loop {
        table.show(&resources);
        if resources.iter().all(Resource::is_ready) {
            table.end();
            terminal::done(format_args!(
                "{} resources are ready after {:.1} s",
                resources.len(),
                start.elapsed().as_secs_f64()
            ));
            return Ok(true);
        }
        if interrupt.requested() {
            return Ok(false);
        }
        operator.check()?;
        if start.elapsed() > limit {
            table.end();
            return Err(timeout(&resources, operator, limit));
        }
        thread::sleep(POLL);
        resources = read(control_plane, &resources)?;
    }
}

fn timeout(resources: &[Resource], operator: &Operator, limit: Duration) -> DevError {
    let waiting = resources.iter().filter(|resource| !resource.is_ready());
    let waiting: Vec<String> = waiting
        .map(|resource| format!("  {}: {}", resource.reference(), resource.describe()))
        .collect();
    DevError::Timeout {
        seconds: limit.as_secs(),
        waiting: waiting.join("\n"),
        log: operator.log().to_owned(),
        last_lines: follow::last_lines(operator.log(), 20),
    }
}

/// The current state of the same resources.
fn read(control_plane: &ControlPlane, resources: &[Resource]) -> Result<Vec<Resource>, DevError> {
    let mut by_namespace: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for resource in resources {
        by_namespace.entry(resource.namespace()).or_default().push(resource.reference());
    }
    let mut found = Vec::new();
    for (namespace, references) in by_namespace {
        let mut get = kubectl_on(control_plane)
            .args(["get", "--ignore-not-found", "-o", "json"])
            .args(references);
        if !namespace.is_empty() {
            get = get.args(["--namespace", namespace]);
        }
        let json = get.capture()?;
        found.extend(Resource::read_all(&json).map_err(|source| DevError::Json { source })?);
    }
    Ok(current(resources, found))
}

/// Each wanted resource as it was found, or as deleted.
fn current(wanted: &[Resource], mut found: Vec<Resource>) -> Vec<Resource> {
    let now = |wanted: &Resource| {
        let is_same = |found: &Resource| {
            found.reference() == wanted.reference() && found.namespace() == wanted.namespace()
        };
        match found.iter().position(is_same) {
            Some(at) => found.swap_remove(at),
            None => Resource { is_deleted: true, ..wanted.clone() },
        }
    };
    wanted.iter().map(now).collect()
}

/// One line for each resource: live on a terminal, otherwise a new line for each change.
struct Table {
    shown: BTreeMap<String, String>,
    lines: Option<(MultiProgress, BTreeMap<String, ProgressBar>)>,
    width: usize,
}

impl Table {
    fn new(resources: &[Resource]) -> Self {
        let width =
            resources.iter().map(|resource| resource.reference().len()).max().unwrap_or_default();
        let lines = stderr().is_terminal().then(|| (MultiProgress::new(), BTreeMap::new()));
        Self { shown: BTreeMap::new(), lines, width }
    }

    fn show(&mut self, resources: &[Resource]) {
        for resource in resources {
            let (name, text) = (resource.reference(), resource.describe());
            let line = format!(
                "{} {name:width$}  {text}",
                if resource.is_ready() { "✓" } else { "…" },
                width = self.width
            );
            if self.shown.get(&name) == Some(&line) {
                continue;
            }
            match &mut self.lines {
                None => eprintln!("  {line}"),
                Some((table, lines)) => {
                    let add = || table.add(ProgressBar::new_spinner().with_style(style()));
                    lines.entry(name.clone()).or_insert_with(add).set_message(line.clone());
                }
            }
            self.shown.insert(name, line);
        }
    }

    /// Keeps the table on the terminal.
    fn end(&mut self) {
        for line in self.lines.iter().flat_map(|(_, lines)| lines.values()) {
            line.abandon();
        }
    }
}

/// Lines are cut at the edge of the terminal, because a wrapped line cannot be overwritten.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn echo(generation: i64, status: &str) -> Resource {
        let json = format!(
            r#"{{"apiVersion":"example.com/v1","kind":"Echo","metadata":{{"name":"web",
            "namespace":"default","generation":{generation}}},"status":{status}}}"#
        );
        Resource::read_all(&json).unwrap().remove(0)
    }

    #[test]
    fn a_resource_is_ready_if_its_status_is_about_the_current_generation() {
        let status = r#"{"observedGeneration":2,"conditions":[
            {"type":"Ready","status":"True","reason":"Ready","message":"2/2"}]}"#;
        assert!(echo(2, status).is_ready());
        assert!(!echo(3, status).is_ready(), "the status is about an older generation");
        assert_eq!(echo(2, status).describe(), "Ready True: Ready: 2/2");
    }

    #[test]
    fn a_resource_without_a_status_is_not_ready() {
        let echo = echo(1, "{}");
        assert!(!echo.is_ready());
        assert_eq!(echo.describe(), "no status yet");
    }

    #[test]
    fn a_deleted_resource_is_not_ready_and_is_still_waited_for() {
        let status = r#"{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True"}]}"#;
        let other = Resource::read_all(
            r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},
            "status":{"conditions":[{"type":"Ready","status":"True"}]}}"#,
        );
        let wanted = [vec![echo(1, status)], other.unwrap()].concat();
        let now = current(&wanted, wanted[1..].to_vec());
        let shown: Vec<_> = now.iter().map(|now| (now.reference(), now.is_ready())).collect();
        assert_eq!(shown, [("echo.example.com/web".into(), false), ("pod/a".into(), true)]);
        assert_eq!(now[0].describe(), "deleted");
        let again = current(&now, wanted.clone());
        assert!(again.iter().all(Resource::is_ready), "{again:?}");
    }

    #[test]
    fn single_objects_and_lists_are_read() {
        let one = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}"#;
        let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{one},{one}]}}"#);
        assert_eq!(Resource::read_all(one).unwrap()[0].reference(), "pod/a");
        assert_eq!(Resource::read_all(&list).unwrap().len(), 2);
        assert_eq!(Resource::read_all(&format!("{one}\n{one}")).unwrap().len(), 2);
        assert_eq!(Resource::read_all("").unwrap().len(), 0);
    }

    #[test]
    fn a_reference_contains_the_group() {
        assert_eq!(echo(1, "{}").reference(), "echo.example.com/web");
    }
}
