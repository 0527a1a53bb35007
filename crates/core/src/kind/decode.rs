//! Decodes objects from JSON without `managedFields`, which no operator reads and which take most
//! of the memory and the time.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::{AnyObject, Object};

/// Makes an object from JSON.
pub type Decode = fn(&[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error>;

/// Decodes `json` as a `K` without `managedFields`.
pub(crate) fn decode<K: Object>(json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
    let mut object: K = serde_json::from_slice(&without_managed_fields(json))?;
    object.meta_mut().managed_fields = None;
    Ok(Arc::new(object))
}

/// The same JSON with an empty `metadata.managedFields`.
pub(crate) fn without_managed_fields(json: &[u8]) -> Cow<'_, [u8]> {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        metadata: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow, rename = "managedFields")]
        managed_fields: &'a RawValue,
    }
    // JSON without the field, or that is no object, is left to the whole decoding.
    let Ok(Outer { metadata }) = serde_json::from_slice::<Outer<'_>>(json) else {
        return Cow::Borrowed(json);
    };
    let fields = metadata.managed_fields.get();
    // `fields` is borrowed from `json`, so the addresses give its place.
    let start = fields.as_ptr().addr() - json.as_ptr().addr();
    Cow::Owned([&json[..start], b"[]", &json[start + fields.len()..]].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::any::Any;

    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    #[test]
    fn an_object_is_decoded_without_its_managed_fields_and_with_everything_else() {
        let json = br#"{"data":{"managedFields":"mine"},"metadata":{"managedFields":
            [{"manager":"a","fieldsV1":{"f:data":{}}}],"name":"x"}}"#;
        let stripped = String::from_utf8(without_managed_fields(json).into_owned()).unwrap();
        let compact: String = stripped.split_whitespace().collect();
        assert_eq!(
            compact,
            r#"{"data":{"managedFields":"mine"},"metadata":{"managedFields":[],"name":"x"}}"#
        );
        let object: Arc<dyn Any + Send + Sync> = decode::<ConfigMap>(json).unwrap();
        let config = object.downcast::<ConfigMap>().unwrap();
        assert_eq!(config.metadata.name.as_deref(), Some("x"));
        assert_eq!(config.metadata.managed_fields, None);
        assert_eq!(config.data.as_ref().unwrap()["managedFields"], "mine");
    }

    #[test]
    fn json_without_managed_fields_is_not_copied() {
        for json in [r#"{"metadata":{"name":"x"}}"#, r#"{"metadata":null}"#, "no object"] {
            let stripped = without_managed_fields(json.as_bytes());
            assert!(matches!(stripped, Cow::Borrowed(same) if same == json.as_bytes()));
        }
    }
}
