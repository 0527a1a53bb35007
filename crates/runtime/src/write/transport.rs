//! How requests reach the API server. Public for programs that send requests of their own at the
//! same cost.

pub use kubewright_connect::transport::{Answer, Transport, transport};

/// Sends requests through a kube client.
#[cfg(test)]
pub(crate) fn from_client(client: kube::Client) -> Transport {
    use http_body_util::BodyExt;
    use tower::BoxError;

    Transport::new(tower::service_fn(move |request| {
        let client = client.clone();
        async move {
            let response = client.send(request).await.map_err(BoxError::from)?;
            Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
        }
    }))
}
