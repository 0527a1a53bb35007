//! What the engine and the generators need, and no operator: without a promise of stability.
//!
//! | module | content |
//! |---|---|
//! | [`causes`] | the text of an error with its causes |
//! | [`child`] | one object as `build` returned it |
//! | [`complete`], [`owner`] | what the engine adds to each object |
//! | [`desired`] | one complete object and its hashes |
//! | [`leftovers`] | list items that stay because others own them as well |
//! | [`managed_fields`] | whether our entry in `managedFields` still owns what we want |
//! | [`own_status`] | the status without what others wrote |
//! | [`plan`] | the steps from what is observed to what should exist |
//! | [`printable`] | text of others that is safe to print |
//! | [`shard`] | which of several processes is responsible for a resource |
//! | [`hash`], [`tree`] | stable hashes; JSON that is read once |

pub mod causes;
pub mod child;
pub mod complete;
pub mod desired;
pub mod hash;
pub mod leftovers;
pub mod managed_fields;
pub mod own_status;
pub mod owner;
pub mod plan;
pub mod printable;
pub mod shard;
pub mod tree;
