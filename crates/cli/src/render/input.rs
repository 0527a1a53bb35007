//! Reads files, folders and standard input into objects.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use kubewright_manifests::yaml::each_document;

use super::object::{Object, Place};
use super::report::Report;
use crate::error::Error;

/// Reads the objects of all files in order. Syntax errors go into the report.
pub(super) fn read(
    files: &[PathBuf],
    stdin: &mut dyn Read,
    report: &mut Report,
) -> Result<Vec<Object>, Error> {
    let mut objects = Vec::new();
    for (order, (name, text)) in texts(files, stdin)?.into_iter().enumerate() {
        let file = Place::start(order, &name);
        for document in each_document(&text) {
            match document {
                Ok(document) => objects.extend(Object::unpack(&file, document)),
                Err(error) => {
                    report.add_syntax_error(file.with_line(error.position.line), &error.message);
                }
            }
        }
    }
    Ok(objects)
}

/// The names and texts of all files.
fn texts(files: &[PathBuf], stdin: &mut dyn Read) -> Result<Vec<(String, String)>, Error> {
    let mut texts = Vec::new();
    for path in files {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            stdin
                .read_to_string(&mut text)
                .map_err(|source| Error::Input { path: path.clone(), source })?;
            texts.push(("(standard input)".to_owned(), text));
        } else if path.is_dir() {
            for path in folder(path)? {
                texts.push(file(path)?);
            }
        } else {
            texts.push(file(path.clone())?);
        }
    }
    Ok(texts)
}

fn file(path: PathBuf) -> Result<(String, String), Error> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(source) => Err(Error::Input { path, source }),
    }
}

/// The files of a folder, ordered by name. Like `kubectl apply -f`, it skips inner folders.
fn folder(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Input { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if ["yaml", "yml", "json"].contains(&extension) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(Error::EmptyFolder(path.to_owned())) } else { Ok(files) }
}
