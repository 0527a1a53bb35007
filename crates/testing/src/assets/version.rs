//! Versions of binaries: parsing and comparison. [`super::probe`] runs the binaries.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A release such as `v1.36.3`. Suffixes (`-rc.1`, `+build`) are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl Version {
    /// A version of three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// The first version in the output of `--version`: `Kubernetes v1.36.3`, `etcd Version: 3.7.3`,
    /// `kwok version v0.8.0 go1.26.8 (linux/amd64)`.
    pub fn find_in(output: &str) -> Option<Self> {
        output
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | ',' | ';' | '(' | ')'))
            .find_map(|word| word.parse().ok())
    }

    /// Whether both have the same major and minor number.
    pub fn same_minor(self, other: Self) -> bool {
        self.major == other.major && self.minor == other.minor
    }

    /// Whether the minor numbers of one major version differ by at most `distance`.
    pub fn within_minors(self, other: Self, distance: u32) -> bool {
        self.major == other.major && self.minor.abs_diff(other.minor) <= distance
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The text does not have the form `v1.36.3`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a version: write it as v1.36.3")]
pub struct InvalidVersion(pub String);

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.to_owned());
        let numbers = text.strip_prefix('v').unwrap_or(text);
        let numbers = numbers.split(['-', '+']).next().unwrap_or_default();
        let parts: Vec<u32> =
            numbers.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| invalid())?;
        match parts[..] {
            [major, minor, patch] => Ok(Self { major, minor, patch }),
            _ => Err(invalid()),
        }
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_the_output_of_each_binary() {
        let cases = [
            ("Kubernetes v1.36.3\n", Version::new(1, 36, 3)),
            (
                "Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0\n",
                Version::new(1, 32, 4),
            ),
            (
                "etcd Version: 3.7.3\nGit SHA: Not provided\nGo Version: go1.26.8\n",
                Version::new(3, 7, 3),
            ),
            ("kwok version v0.8.0 go1.26.8 (linux/amd64)\n", Version::new(0, 8, 0)),
            ("Kubernetes v1.36.0-rc.1+abcdef", Version::new(1, 36, 0)),
        ];
        for (output, version) in cases {
            assert_eq!(Version::find_in(output), Some(version), "{output}");
        }
    }

    #[test]
    fn output_without_a_version_returns_none() {
        assert_eq!(Version::find_in("usage: etcd [flags] 1.2 go1.26.8"), None);
    }

    #[test]
    fn a_serialised_version_is_read_back_unchanged() {
        let version = Version::new(1, 36, 3);
        let text = serde_json::to_string(&version).unwrap();
        assert_eq!(text, "\"v1.36.3\"");
        assert_eq!(serde_json::from_str::<Version>(&text).unwrap(), version);
    }

    #[test]
    fn two_numbers_are_not_a_version() {
        assert_eq!("v1.36".parse::<Version>(), Err(InvalidVersion("v1.36".into())));
    }

    #[test]
    fn kubectl_may_be_one_minor_version_away() {
        let pinned = Version::new(1, 36, 3);
        assert!(Version::new(1, 35, 0).within_minors(pinned, 1));
        assert!(Version::new(1, 37, 9).within_minors(pinned, 1));
        assert!(!Version::new(1, 32, 4).within_minors(pinned, 1));
        assert!(!Version::new(2, 36, 0).within_minors(pinned, 1));
    }
}
