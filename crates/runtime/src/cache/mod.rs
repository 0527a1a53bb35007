//! What the engine knows of the cluster. Watches keep the caches up to date; caches send nothing.
//!
//! A cache decides whether an event is new, and which resources it concerns.
//!
//! - `resources`: custom resources; `children`, `pool`: owned objects
//! - `reads`, `objects`, `readers`: objects that `build` looks up, and who looked them up
//! - `places`, `ordered`: the same for look-ups in an order
//! - `unreadable`: custom resources that cannot be decoded
//! - `table`: the indexes of `resources` and `children`

pub(crate) mod children;
mod objects;
mod ordered;
mod places;
mod pool;
mod readers;
pub(crate) mod reads;
pub(crate) mod resources;
pub(crate) mod table;
pub(crate) mod unreadable;
