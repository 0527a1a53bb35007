//! Differences between the generated files and the files on disk.

use std::collections::BTreeMap;
use std::fmt;

use crate::artifact::Artifact;

/// A file that differs from the generated one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path below the folder of generated files.
    pub path: String,
    /// Difference of the file.
    pub problem: Difference,
}

/// Difference between a generated file and the file on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The contents differ.
    Differs {
        /// Number of the first differing line, counted from 1.
        line: usize,
        /// Generated line; `None` after the end of the generated file.
        wanted: Option<String>,
        /// Line on disk; `None` after the end of the file.
        found: Option<String>,
    },
    /// The file is missing.
    Missing,
    /// No generator produces the file.
    Orphaned,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.problem {
            Difference::Missing => write!(f, "{path}: is missing"),
            Difference::Orphaned => write!(f, "{path}: no longer generated; delete it"),
            Difference::Differs { line, wanted, found } => {
                let show = |text: &Option<String>| {
                    text.as_ref().map_or_else(|| "(the end of the file)".to_owned(), |t| visible(t))
                };
                write!(
                    f,
                    "{path}:{line}: differs\n  is:        {}\n  should be: {}",
                    show(found),
                    show(wanted)
                )
            }
        }
    }
}

/// Makes trailing spaces and carriage returns visible.
fn visible(line: &str) -> String {
    let content = line.trim_end();
    let rest: String = line[content.len()..]
        .chars()
        .map(|c| if c == ' ' { "·".to_owned() } else { c.escape_default().to_string() })
        .collect();
    format!("{content}{rest}")
}

/// Compares generated files with the files on disk, given by their path below the folder.
///
/// # Guarantees
/// The result is empty exactly when the folder contains the generated files, byte for byte, and no
/// other file. The result is ordered by path.
#[must_use]
pub fn check(artifacts: &[Artifact], on_disk: &BTreeMap<String, String>) -> Vec<Finding> {
    let finding = |path: &str, problem| Finding { path: path.to_owned(), problem };
    let mut differing = Vec::new();
    for artifact in artifacts {
        match on_disk.get(&artifact.path) {
            None => differing.push(finding(&artifact.path, Difference::Missing)),
            Some(found) if *found != artifact.content => {
                differing.push(finding(&artifact.path, first_difference(&artifact.content, found)));
            }
            Some(_) => {}
        }
    }
    let orphans = on_disk.keys().filter(|path| !artifacts.iter().any(|a| a.path == **path));
    differing.extend(orphans.map(|path| finding(path, Difference::Orphaned)));
    differing.sort_by(|a, b| a.path.cmp(&b.path));
    differing
}

fn first_difference(wanted: &str, found: &str) -> Difference {
    // `split` instead of `lines`: a missing final line break is a difference.
    let (mut w, mut f) = (wanted.split('\n'), found.split('\n'));
    let mut line = 0;
    loop {
        line += 1;
        let (wanted, found) = (w.next(), f.next());
        if wanted != found || wanted.is_none() {
            return Difference::Differs {
                line,
                wanted: wanted.map(str::to_owned),
                found: found.map(str::to_owned),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(path: &str, content: &str) -> Artifact {
        Artifact { path: path.to_owned(), content: content.to_owned() }
    }

    fn disk(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        files.iter().map(|(p, c)| ((*p).to_owned(), (*c).to_owned())).collect()
    }

    #[test]
    fn equal_files_have_no_difference() {
        assert_eq!(check(&[artifact("a", "1\n")], &disk(&[("a", "1\n")])), []);
    }

    #[test]
    fn the_first_differing_line_is_shown_from_both_files() {
        let found = check(&[artifact("a", "1\n2\n3\n")], &disk(&[("a", "1\nx \n3\n")]));
        assert_eq!(found[0].to_string(), "a:2: differs\n  is:        x·\n  should be: 2");
    }

    #[test]
    fn carriage_returns_and_a_missing_last_line_break_are_visible_differences() {
        let crlf = check(&[artifact("a", "1\n2\n")], &disk(&[("a", "1\r\n2\r\n")]));
        assert_eq!(crlf[0].to_string(), "a:1: differs\n  is:        1\\r\n  should be: 1");
        let short = check(&[artifact("a", "1\n2\n")], &disk(&[("a", "1\n2")]));
        assert_eq!(
            short[0].to_string(),
            "a:3: differs\n  is:        (the end of the file)\n  should be: "
        );
    }

    #[test]
    fn missing_and_orphaned_files_are_reported_in_the_order_of_paths() {
        let found = check(&[artifact("b", "")], &disk(&[("a", ""), ("c", "")]));
        let problems: Vec<_> = found.iter().map(|f| (f.path.as_str(), &f.problem)).collect();
        assert_eq!(
            problems,
            [
                ("a", &Difference::Orphaned),
                ("b", &Difference::Missing),
                ("c", &Difference::Orphaned)
            ]
        );
    }
}
