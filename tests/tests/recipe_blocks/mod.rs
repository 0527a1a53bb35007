//! Reads the YAML blocks of the pages in `docs/previews/`, replaces their placeholders, and
//! collects their PreviewEnvironments. The expectations are in the tests.
//! - `fill`: values of placeholders
//! - `definitions`: CRDs of other projects
#![allow(dead_code)]

pub(crate) mod definitions;
mod fill;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kubewright::manifests::yaml;
use serde_json::Value;

/// The folder of the pages.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/previews")
}

/// The text of all pages, by file name.
pub(crate) fn pages() -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

/// A block of YAML in a page.
#[derive(Debug)]
pub(crate) struct Block {
    /// Page and line: `flux.md:12`.
    pub(crate) place: String,
    text: String,
}

/// All blocks of all pages.
pub(crate) fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|(page, text)| blocks_in(page, text)).collect()
}

fn blocks_in(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line) {
            (None, "```yaml") => {
                open = Some(Block { place: format!("{page}:{}", index + 2), text: String::new() });
            }
            (Some(_), "```") => blocks.extend(open.take()),
            (Some(block), line) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, line) => assert!(
                !line.starts_with("```") || line == "```" || line == "```console",
                "{page}: {line}"
            ),
        }
    }
    assert!(open.is_none(), "{page}: a block does not end");
    blocks
}

impl Block {
    /// The documents with their placeholders.
    pub(crate) fn raw_documents(&self) -> Vec<Value> {
        self.parse(&self.text)
    }

    /// The documents for pull request 17, whose author and branch have malicious names.
    pub(crate) fn documents(&self) -> Vec<Value> {
        self.parse(&fill::replace_expressions(&self.text))
    }

    fn parse(&self, text: &str) -> Vec<Value> {
        let documents = yaml::documents(text)
            .unwrap_or_else(|e| panic!("{}, line {}: {e}", self.place, e.position.line));
        documents.into_iter().map(|document| document.value).collect()
    }

    /// The variables of the scripts in the first document.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        fill::variables(&self.documents()[0])
    }

    /// Every PreviewEnvironment of the block: a document, a part of a template, or input of a
    /// script.
    pub(crate) fn previews(&self) -> Vec<Value> {
        let mut previews = Vec::new();
        for document in self.documents() {
            self.collect(&document, &fill::variables(&document), &mut previews);
        }
        previews
    }

    fn collect(&self, value: &Value, variables: &BTreeMap<String, String>, into: &mut Vec<Value>) {
        match value {
            Value::Object(map)
                if map.get("kind").is_some_and(|kind| kind == "PreviewEnvironment")
                    && map.contains_key("spec") =>
            {
                into.push(value.clone());
            }
            Value::Object(map) => {
                for inner in map.values() {
                    self.collect(inner, variables, into);
                }
            }
            Value::Array(items) => {
                for inner in items {
                    self.collect(inner, variables, into);
                }
            }
            Value::String(text) if text.contains("kind: PreviewEnvironment") => {
                let text = fill::heredoc(text, variables).unwrap_or_else(|| text.clone());
                self.parse(&text).iter().for_each(|inner| self.collect(inner, variables, into));
            }
            _ => {}
        }
    }
}

/// The blocks of one page.
pub(crate) fn blocks_of(page: &str) -> Vec<Block> {
    let text = pages().remove(page).unwrap_or_else(|| panic!("page {page} does not exist"));
    blocks_in(page, &text)
}
