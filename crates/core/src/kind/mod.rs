//! Kinds as types: what an operator owns and reads.
//!
//! | file | content |
//! |---|---|
//! | `object` | [`Object`], [`AnyObject`], [`Metadata`] |
//! | `names` | [`KindInfo`], [`ObjectKey`] |
//! | `decode` | objects from JSON |
//! | `entry` | one entry of `type Owns` or `type Reads` |
//! | `tuples` | whole declarations of up to 12 entries |
//! | `of` | [`of`]: a type as an argument |

mod decode;
mod entry;
mod names;
mod object;
mod of;
mod tuples;

pub use decode::Decode;
pub(crate) use decode::decode;
pub(crate) use entry::has_labels;
pub use entry::{
    At, Entry, IsExpires, IsKind, IsServed, OwnedKind, Owning, OwnsEntry, ReadKind, Reading,
    ReadsEntry,
};
pub use names::{KindInfo, ObjectKey};
pub use object::{AnyObject, Metadata, Object, Scope};
pub use of::{Of, of};
pub use tuples::{Expiring, Kinds, Owns, ReadKinds, Reads, Serves};
