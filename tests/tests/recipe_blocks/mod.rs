//! The YAML blocks of the pages in `docs/previews/`, with their placeholders filled in as the tool
//! would that reads them, and every PreviewEnvironment that comes of them. What has to hold for
//! them is the business of the tests.
//!
//! - `fill`: placeholders
//! - `definitions`: what the recipes use of other projects' APIs
#![allow(dead_code)]

pub(crate) mod definitions;
mod fill;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kubewright::manifests::yaml;
use serde_json::Value;

/// Where the pages are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/previews")
}

/// The pages: their names, and what they say.
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
    /// Where it is: `flux.md:12`.
    pub(crate) place: String,
    text: String,
}

/// All blocks of all pages.
pub(crate) fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|(page, text)| of_page(page, text)).collect()
}

fn of_page(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line) {
            (None, "```yaml") => {
                open = Some(Block { place: format!("{page}:{}", index + 2), text: String::new() })
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
    /// Its documents as they are written.
    pub(crate) fn written(&self) -> Vec<Value> {
        self.parsed(&self.text)
    }

    /// Its documents for pull request 17, whose author and branch have names that are made to do
    /// harm.
    pub(crate) fn filled(&self) -> Vec<Value> {
        self.parsed(&fill::expressions(&self.text))
    }

    fn parsed(&self, text: &str) -> Vec<Value> {
        let documents = yaml::documents(text)
            .unwrap_or_else(|e| panic!("{}, line {}: {e}", self.place, e.position.line));
        documents.into_iter().map(|document| document.value).collect()
    }

    /// The variables that the scripts of its first document have.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        fill::variables(&self.filled()[0])
    }

    /// Every PreviewEnvironment that comes of it: a document, part of a template, or what a script
    /// applies.
    pub(crate) fn previews(&self) -> Vec<Value> {
        let mut previews = Vec::new();
        for document in self.filled() {
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
                map.values().for_each(|inner| self.collect(inner, variables, into))
            }
            Value::Array(items) => {
                items.iter().for_each(|inner| self.collect(inner, variables, into))
            }
            Value::String(text) if text.contains("kind: PreviewEnvironment") => {
                let text = fill::heredoc(text, variables).unwrap_or_else(|| text.clone());
                self.parsed(&text).iter().for_each(|inner| self.collect(inner, variables, into));
            }
            _ => {}
        }
    }
}

/// The blocks of one page.
pub(crate) fn blocks_of(page: &str) -> Vec<Block> {
    let text = pages().remove(page).unwrap_or_else(|| panic!("there is no {page}"));
    of_page(page, &text)
}
