//! Paths of fields: `spec.ports[0].name`, `metadata.labels["app.kubernetes.io/name"]`.

use std::fmt;

/// Path of a field inside an object. The empty path is the object itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(String);

impl FieldPath {
    /// The path of the object itself.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Reads a path from text, with or without a leading dot.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.trim_start_matches('.').to_owned())
    }

    /// The path of a field or map entry in this value.
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

    /// The path of a list item in this value.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path of every list item, for documentation: `spec.ports[]`.
    #[must_use]
    pub fn each_item(&self) -> Self {
        Self(format!("{}[]", self.0))
    }

    /// The path of every map value, for documentation: `spec.labels.*`.
    #[must_use]
    pub fn each_value(&self) -> Self {
        Self(format!("{}.*", self.0))
    }

    /// This path, with `base` in front.
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

    /// The path without its last step; `None` for the object itself.
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
    fn paths_have_dots_brackets_and_quoted_keys() {
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
    fn the_last_parent_of_a_path_is_the_object() {
        let mut path = FieldPath::root().key("spec").key("a.b").index(3).key("c");
        for _ in 0..10 {
            match path.parent() {
                Some(parent) => path = parent,
                None => return,
            }
        }
        panic!("{path} still has a parent");
    }
}
