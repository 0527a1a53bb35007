//! Where a field is inside an object: `spec.ports[0].name`,
//! `metadata.labels["app.kubernetes.io/name"]`.

use std::fmt;

/// The path of a field. The empty path is the object itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// The object itself.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// The path that `text` says, as it was written by somebody else.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.trim_start_matches('.').to_owned())
    }

    /// A field, or an entry of a map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let plain = !key.is_empty()
            && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '$'));
        match (plain, self.0.is_empty()) {
            (true, true) => Self(key.to_owned()),
            (true, false) => Self(format!("{}.{key}", self.0)),
            (false, _) => Self(format!("{}[{key:?}]", self.0)),
        }
    }

    /// An item of a list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Every item of a list, in words about all of them.
    #[must_use]
    pub fn each_item(&self) -> Self {
        Self(format!("{}[]", self.0))
    }

    /// Every value of a map, in words about all of them.
    #[must_use]
    pub fn each_value(&self) -> Self {
        Self(format!("{}.*", self.0))
    }

    /// This path below `base`.
    #[must_use]
    pub fn below(&self, base: &Self) -> Self {
        match (base.is_root(), self.0.starts_with('[') || self.is_root()) {
            (true, _) => self.clone(),
            (false, true) => Self(format!("{}{}", base.0, self.0)),
            (false, false) => Self(format!("{}.{}", base.0, self.0)),
        }
    }

    /// Whether this is the object itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text; empty for the object itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with its last step cut off; `None` for the object itself.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0.rfind(['.', '[']).map_or_else(String::new, |at| self.0[..at].to_owned())))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_people_write_them() {
        let port = FieldPath::root().key("spec").key("ports").index(0).key("name");
        assert_eq!(port.as_str(), "spec.ports[0].name");
        let label = FieldPath::root().key("metadata").key("labels").key("app.kubernetes.io/name");
        assert_eq!(label.as_str(), r#"metadata.labels["app.kubernetes.io/name"]"#);
        assert_eq!(port.each_item().each_value().key("a").as_str(), "spec.ports[0].name[].*.a");
        assert_eq!(
            port.below(&FieldPath::root().key("items").index(2)).as_str(),
            "items[2].spec.ports[0].name"
        );
    }

    #[test]
    fn every_path_leads_back_to_the_object() {
        let mut path = FieldPath::root().key("spec").key("a.b").index(3).key("c");
        for _ in 0..10 {
            match path.parent() {
                Some(parent) => path = parent,
                None => return,
            }
        }
        panic!("{path} has no end");
    }
}
