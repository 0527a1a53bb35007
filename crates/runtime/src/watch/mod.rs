//! From the watches of the API server to the caches and the queue.
//!
//! - `watches` decides what is watched; `collection` names it; `reflector` lists and watches it
//! - `feed`: what all sinks have in common; `resources`, `children`, `reads`, `definition`: the
//!   stores, one for each kind of cache
//! - `unwatched`: after a start, children that lost the label on which the watches select
//! - `gate`: watches take turns while rights are missing
//! - `shards`: a filter for objects of other shards; `sync`: which caches are filled

mod children;
mod collection;
mod definition;
mod feed;
mod gate;
mod lost;
mod reads;
mod reflector;
mod resources;
mod shards;
pub(crate) mod sync;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod unwatched;
pub(crate) mod watches;
