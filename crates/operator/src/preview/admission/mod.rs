//! What a preview gets: decided from its spec, the operator's settings, policies, its namespace and
//! other previews.
//!
//! - `candidate`: a preview with all that decides
//! - `decision`: the result, [`Decision`](decision::Decision), and reasons to refuse a route
//! - `resolve`: makes the decision
//! - `claims`: which preview holds a host
//! - `policy`: the policies that select a namespace; `applied`: which spec of a policy applies to a
//!   preview; `rules`: what one spec refuses
//! - `limits`: the image, the number of previews and of pods
//! - `host`: which texts are host names; `domains`: which hosts a namespace may use
//! - `route`: the type of the route
//! - `security`: the user of the pods

pub(crate) mod applied;
pub(super) mod candidate;
pub(super) mod claims;
pub(super) mod decision;
mod domains;
pub(super) mod host;
pub(crate) mod limits;
pub(crate) mod policy;
pub(super) mod resolve;
mod route;
pub(crate) mod rules;
pub(super) mod security;
