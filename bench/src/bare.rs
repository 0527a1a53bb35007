//! The bare client, the limit: it creates a resource and sends the writes that the operator would
//! send, and does nothing else.
//!
//! Nothing is watched, decided or built while the clock runs; of the answers only the new
//! resource's UID is read.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::try_join_all;
use serde::Deserialize;

use crate::client::{Api, decode};
use crate::error::Error;
use crate::load;
use crate::workload::{NAMESPACE, Scribe, UID, Writes, kinds, name};

#[derive(Deserialize)]
struct Created {
    metadata: Identity,
}

#[derive(Deserialize)]
struct Identity {
    uid: String,
}

/// The bare client with all that it is going to send.
pub(crate) struct Bare {
    api: Api,
    collection: String,
    first: usize,
    writes: Vec<Writes>,
}

impl Bare {
    /// Prepares the resources with these numbers.
    pub(crate) fn prepare(api: &Api, numbers: std::ops::Range<usize>) -> Result<Arc<Self>, Error> {
        let scribe = Scribe::new()?;
        let first = numbers.start;
        let writes =
            numbers.map(|number| scribe.writes(&name(number))).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self {
            api: api.clone(),
            collection: kinds()[0].path(Some(NAMESPACE)),
            first,
            writes,
        }))
    }

    /// Writes all of them, [`load::IN_FLIGHT`] at a time.
    pub(crate) async fn all(self: &Arc<Self>) -> Result<(), Error> {
        let bare = Arc::clone(self);
        load::all(self.first..self.first + self.writes.len(), move |number| {
            let bare = Arc::clone(&bare);
            async move { bare.one(number).await }
        })
        .await
    }

    /// Writes one: the resource, its children side by side, its status.
    pub(crate) async fn one(&self, number: usize) -> Result<(), Error> {
        let Writes { echo, children, status } = &self.writes[number - self.first];
        let answer: Bytes = self.api.create(&self.collection, echo.clone()).await?;
        let uid = decode::<Created>("the created resource", &answer)?.metadata.uid;
        let apply = |(path, body): &(String, String)| {
            let (path, body) = (path.clone(), body.replace(UID, &uid));
            async move { self.api.apply(&path, operator::NAME, body).await }
        };
        try_join_all(children.iter().map(apply)).await?;
        apply(status).await.map(drop)
    }
}
