//! Reads and writes YAML, without knowledge of kinds and schemas.
//!
//! - `write`: keys in a stable order; strings quoted for readers of YAML 1.1 and 1.2
//! - `read`: several documents per text, the line of every value, scalar types as in `kubectl`

mod read;
mod write;

pub use read::{Document, Position, ReadError, documents, each_document};
pub use write::{WriteError, comment, comment_above, list_item, to_yaml};
