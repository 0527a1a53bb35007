//! The words that this project does not use, for `cargo xtask ci --only tidy`.

use kubewright::devkit::tidy::Words;

/// Words that the glossary in CONTRIBUTING.md replaces by terms of the field.
const BANNED: [&str; 27] = [
    "alone among",
    "brake",
    "confinement",
    "Findings",
    "had its time",
    "heed",
    "heeded",
    "heeds",
    "is there for",
    "judge",
    "judged",
    "judges",
    "nobody",
    "retire",
    "retired",
    "retires",
    "retiring",
    "say so",
    "stamp",
    "stamped",
    "stamps",
    "tell",
    "tells",
    "told",
    "undone",
    "verdict",
    "whoever",
];
/// Files that may quote these words.
const GLOSSARIES: [&str; 4] = ["CHANGELOG.md", "CONTRIBUTING.md", "STYLE.md", "xtask/src/words.rs"];

pub(crate) fn words() -> Words {
    Words::new(BANNED, GLOSSARIES)
}
