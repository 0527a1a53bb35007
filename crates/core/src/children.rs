//! What `build` returns: the objects that should exist for one resource.

use std::fmt;

use crate::declaration::Declaration;
use crate::expiry::Expired;
use crate::internals::child::{Child, ChildError};
use crate::invalid::Invalid;
use crate::kind::{Expiring, Kinds, Object, Of, Owns};
use crate::withdraw::Withdraw;

/// The objects that should exist for one resource, of the kinds in `type Owns`.
///
/// The type parameter `At` of the methods is the place of the kind in `type Owns`. The compiler
/// finds it; never write it.
///
/// ```
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kubewright_core::{Children, Invalid};
/// # use kubewright_core::Declaration;
/// # struct Websites;
/// # impl Declaration for Websites {
/// #     type Owns = (ConfigMap,); // in `impl Operator for Websites`
/// #     type Reads = ();
/// #     type Facts = ();
/// # }
/// fn children(config: ConfigMap) -> Result<Children<Websites>, Invalid> {
///     Ok(Children::new().with(config))
/// }
/// ```
pub struct Children<O: Declaration> {
    items: Vec<Child>,
    defect: Option<ChildError>,
    facts: O::Facts,
    expired: Option<Expired>,
    withdrawn: Option<(Invalid, Withdraw)>,
}

/// The content of [`Children`], for the engine.
pub struct Content<F> {
    /// The objects in the order of addition, or the reason why the resource is withdrawn.
    pub children: Result<Vec<Child>, Invalid>,
    /// Whether a withdrawn resource loses its objects.
    pub withdraw: Withdraw,
    /// The facts for `report`.
    pub facts: F,
    /// Why the resource expired.
    pub expired: Option<Expired>,
}

impl<O: Declaration> fmt::Debug for Children<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children").field("items", &self.items).finish_non_exhaustive()
    }
}

impl<O: Declaration> Default for Children<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Declaration> Children<O> {
    /// No children.
    #[must_use]
    pub fn new() -> Self {
        Self {
            items: Vec::new(),
            defect: None,
            facts: O::Facts::default(),
            expired: None,
            withdrawn: None,
        }
    }

    /// Withdraws a resource that its own edit made invalid: the engine deletes the objects that the
    /// resource owns. Without an edit it keeps them. See [`withdraw`](crate::withdraw).
    #[must_use]
    pub fn withdrawn(why: Invalid) -> Self {
        Self { withdrawn: Some((why, Withdraw::AfterEdit)), ..Self::new() }
    }

    /// Adds one object. Its kind is in `type Owns`.
    pub fn add<K: Object, At>(&mut self, child: K) -> &mut Self
    where
        O::Owns: Owns<K, At>,
    {
        self.push(Child::new(child))
    }

    /// Adds one object; for chains.
    #[must_use]
    pub fn with<K: Object, At>(mut self, child: K) -> Self
    where
        O::Owns: Owns<K, At>,
    {
        self.add(child);
        self
    }

    /// Adds one object of an exclusive group of kinds: see [`exclusive`](crate::exclusive).
    pub fn add_exclusive<G: Kinds, K: Object, At>(&mut self, _: Of<G>, child: K) -> &mut Self
    where
        O::Owns: Owns<K, At>,
    {
        let exclusive = G::owned().into_iter().map(|owned| owned.info).collect();
        self.push(Child::new(child).map(|child| Child { exclusive, ..child }))
    }

    fn push(&mut self, child: Result<Child, ChildError>) -> &mut Self {
        match child {
            Ok(child) => self.items.push(child),
            Err(error) => self.defect = self.defect.take().or(Some(error)),
        }
        self
    }

    /// Sets the facts that [`report`](crate::Operator::report) gets in this run.
    #[must_use]
    pub fn with_facts(self, facts: O::Facts) -> Self {
        Self { facts, ..self }
    }

    /// The resource expired: the engine publishes an Event and deletes the resource, and with it
    /// all that it owns. See [`expiry`](crate::expiry).
    pub fn expire<At>(&mut self, reason: &'static str, message: impl Into<String>) -> &mut Self
    where
        O::Owns: Expiring<At>,
    {
        self.expired = Some(Expired { reason, message: message.into() });
        self
    }

    /// The content, for the engine.
    ///
    /// # Errors
    /// The first object that could not be added.
    pub fn into_content(self) -> Result<Content<O::Facts>, ChildError> {
        let Self { items, defect, facts, expired, withdrawn } = self;
        if let Some(defect) = defect {
            return Err(defect);
        }
        let (children, withdraw) = match withdrawn {
            Some((why, withdraw)) => (Err(why), withdraw),
            None => (Ok(items), Withdraw::Never),
        };
        Ok(Content { children, withdraw, facts, expired })
    }
}
