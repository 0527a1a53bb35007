//! What differs between the files that should be there and those that are.

use std::collections::BTreeMap;
use std::fmt;

use crate::artifact::Artifact;

/// One file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which file, below the folder of generated files.
    pub path: String,
    /// What is wrong with it.
    pub problem: Difference,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It has another content.
    Differs {
        /// The first line that differs, from 1.
        line: usize,
        /// What that line should be; `None` where the file should have ended.
        wanted: Option<String>,
        /// What it is; `None` where the file has ended.
        found: Option<String>,
    },
    /// It is not there.
    Missing,
    /// Nothing makes it.
    Orphaned,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.problem {
            Difference::Missing => write!(f, "{path}: is missing"),
            Difference::Orphaned => write!(f, "{path}: nothing makes this file any more"),
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

/// A line with what cannot be seen made visible: a carriage return, a space at the end.
fn visible(line: &str) -> String {
    let content = line.trim_end();
    let rest: String = line[content.len()..]
        .chars()
        .map(|c| if c == ' ' { "·".to_owned() } else { c.escape_default().to_string() })
        .collect();
    format!("{content}{rest}")
}

/// Compares what should be there with what is: the files of the folder by their path in it, with
/// `/`.
///
/// # Guarantees
/// Nothing is found exactly when every file is there, byte for byte, and no other one is. Ordered
/// by path.
#[must_use]
pub fn check(artifacts: &[Artifact], on_disk: &BTreeMap<String, String>) -> Vec<Finding> {
    let finding = |path: &str, problem| Finding { path: path.to_owned(), problem };
    let mut findings = Vec::new();
    for artifact in artifacts {
        match on_disk.get(&artifact.path) {
            None => findings.push(finding(&artifact.path, Difference::Missing)),
            Some(found) if *found != artifact.content => {
                findings.push(finding(&artifact.path, first_difference(&artifact.content, found)));
            }
            Some(_) => {}
        }
    }
    let orphans = on_disk.keys().filter(|path| !artifacts.iter().any(|a| a.path == **path));
    findings.extend(orphans.map(|path| finding(path, Difference::Orphaned)));
    findings.sort_by(|a, b| a.path.cmp(&b.path));
    findings
}

fn first_difference(wanted: &str, found: &str) -> Difference {
    // Lines keep their line break here, so that a missing last one is a difference, too.
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
    fn equal_files_give_no_finding() {
        assert_eq!(check(&[artifact("a", "1\n")], &disk(&[("a", "1\n")])), []);
    }

    #[test]
    fn the_first_line_that_differs_is_shown_with_both_texts() {
        let found = check(&[artifact("a", "1\n2\n3\n")], &disk(&[("a", "1\nx \n3\n")]));
        assert_eq!(found[0].to_string(), "a:2: differs\n  is:        x·\n  should be: 2");
    }

    #[test]
    fn line_ends_and_missing_ends_are_differences_that_can_be_seen() {
        let crlf = check(&[artifact("a", "1\n2\n")], &disk(&[("a", "1\r\n2\r\n")]));
        assert_eq!(crlf[0].to_string(), "a:1: differs\n  is:        1\\r\n  should be: 1");
        let short = check(&[artifact("a", "1\n2\n")], &disk(&[("a", "1\n2")]));
        assert_eq!(
            short[0].to_string(),
            "a:3: differs\n  is:        (the end of the file)\n  should be: "
        );
    }

    #[test]
    fn missing_and_orphaned_files_are_found_in_the_order_of_their_paths() {
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
