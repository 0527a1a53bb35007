//! YAML, the one place where it is written and read.
//!
//! - `write`: keys in a stable order, and strings quoted so that no reader, old or new, takes them
//!   for something else
//! - `read`: several documents in one text, each value with its line; typed as `kubectl` types them
//!
//! No kind and no schema is known here.

mod read;
mod write;

pub use read::{Document, Position, ReadError, documents, each_document};
pub use write::{WriteError, comment, comment_above, list_item, to_yaml};
