//! JSON that is read once: text is borrowed from the bytes, fields keep their order.
//!
//! `serde_json::Value` copies each string and sorts the fields of each object. Comparing and
//! hashing would spend most of their time on it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value};

/// A string, borrowed if it has no escapes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText;
        impl<'de> Visitor<'de> for AsText {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(AsText)
    }
}

/// A JSON value. It is written with the fields of its objects sorted by name.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as `serde_json` reads it.
    Number(Number),
    /// A string.
    Text(Cow<'a, str>),
    /// A list.
    Items(Vec<Self>),
    /// An object.
    Fields(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Tree<'a> {
    /// The fields of an object.
    #[must_use]
    pub fn fields(&self) -> Option<&[(Cow<'a, str>, Self)]> {
        if let Self::Fields(fields) = self { Some(fields) } else { None }
    }

    /// One field of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.fields()?.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// One item of a list.
    #[must_use]
    pub fn item(&self, index: usize) -> Option<&Self> {
        if let Self::Items(items) = self { items.get(index) } else { None }
    }

    /// Removes a field, if it exists.
    pub fn remove(&mut self, name: &str) {
        if let Self::Fields(fields) = self {
            fields.retain(|(field, _)| field != name);
        }
    }

    /// Sets a field; a value that is no object becomes one.
    pub fn set(&mut self, name: &'a str, value: Self) {
        *self.at(name) = value;
    }

    /// The field, added if it does not exist; a value that is no object becomes one.
    pub fn at(&mut self, name: &'a str) -> &mut Self {
        let fields = self.as_object();
        let place = fields.iter().position(|(field, _)| field == name).unwrap_or_else(|| {
            fields.push((Cow::Borrowed(name), Self::Null));
            fields.len() - 1
        });
        &mut fields[place].1
    }

    fn as_object(&mut self) -> &mut Vec<(Cow<'a, str>, Self)> {
        if !matches!(self, Self::Fields(_)) {
            *self = Self::Fields(Vec::new());
        }
        match self {
            Self::Fields(fields) => fields,
            _ => unreachable!("assigned above"),
        }
    }
}

impl<'a> From<&'a str> for Tree<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Tree<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<&'a Value> for Tree<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => Self::Number(value.clone()),
            Value::String(value) => Self::from(value.as_str()),
            Value::Array(items) => Self::Items(items.iter().map(Self::from).collect()),
            Value::Object(fields) => Self::Fields(
                fields
                    .iter()
                    .map(|(name, value)| (Cow::Borrowed(name.as_str()), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsTree;
        impl<'de> Visitor<'de> for AsTree {
            type Value = Tree<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                Number::from_f64(value)
                    .map(Tree::Number)
                    .ok_or_else(|| E::custom("a number that is not finite"))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Tree::from(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Tree::from(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Tree::Items(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Tree::Fields(fields))
            }
        }
        deserializer.deserialize_any(AsTree)
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Items(items) => serializer.collect_seq(items),
            Self::Fields(fields) if fields.is_sorted_by_key(|(name, _)| name) => {
                serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
            }
            Self::Fields(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| name);
                serializer.collect_map(fields.into_iter().map(|(name, value)| (name, value)))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const JSON: &str =
        r#"{"b":[{"d":1.5,"c":"\u00e9\""},null,-3,18446744073709551615],"a":{"f":true,"e":{}}}"#;
    const SORTED: &str =
        r#"{"a":{"e":{},"f":true},"b":[{"c":"é\"","d":1.5},null,-3,18446744073709551615]}"#;

    #[test]
    fn fields_are_written_sorted_and_values_unchanged() {
        let tree: Tree<'_> = serde_json::from_str(JSON).unwrap();
        assert_eq!(serde_json::to_string(&tree).unwrap(), SORTED);
        let value: Value = serde_json::from_str(JSON).unwrap();
        assert_eq!(serde_json::to_string(&Tree::from(&value)).unwrap(), SORTED);
    }

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        let tree: Tree<'_> = serde_json::from_str(r#"["plain","\"quoted\""]"#).unwrap();
        let Tree::Items(items) = tree else { panic!("a list") };
        assert!(matches!(&items[0], Tree::Text(Cow::Borrowed("plain"))));
        assert!(matches!(&items[1], Tree::Text(Cow::Owned(text)) if text == "\"quoted\""));
    }

    #[test]
    fn existing_fields_are_replaced_and_other_fields_added() {
        let mut tree: Tree<'_> = serde_json::from_str(r#"{"a":1,"b":{"c":2},"d":3}"#).unwrap();
        tree.at("b").set("c", Tree::from("new"));
        tree.at("e").set("f", Tree::Bool(true));
        tree.at("d").set("was", Tree::from("a number"));
        tree.remove("a");
        assert_eq!(
            serde_json::to_string(&tree).unwrap(),
            r#"{"b":{"c":"new"},"d":{"was":"a number"},"e":{"f":true}}"#
        );
        assert_eq!(
            (tree.get("a"), tree.get("e").and_then(|e| e.get("f"))),
            (None, Some(&Tree::Bool(true)))
        );
    }
}
