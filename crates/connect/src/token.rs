//! The token of a file, which a Pod's node replaces from time to time.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use kube::client::AuthError;
use tokio::time::Instant;

/// How long a token is used before the file is read again, as in client-go.
const FRESH: Duration = Duration::from_secs(50);

/// The token of a file.
#[derive(Clone, Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    /// The header, and when the file was read.
    last: Arc<Mutex<(HeaderValue, Instant)>>,
}

impl TokenFile {
    pub(crate) fn new(path: PathBuf) -> Result<Self, AuthError> {
        let header = read(&path)?;
        Ok(Self { path, last: Arc::new(Mutex::new((header, Instant::now()))) })
    }

    /// Adds the token to a request.
    pub(crate) fn authorize<B>(&self, mut request: Request<B>) -> Request<B> {
        request.headers_mut().insert(AUTHORIZATION, self.current());
        request
    }

    fn current(&self) -> HeaderValue {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.1.elapsed() >= FRESH {
            // Some programs remove the file after their start: the last token stays.
            if let Ok(header) = read(&self.path) {
                last.0 = header;
            }
            last.1 = Instant::now();
        }
        last.0.clone()
    }
}

/// Editors end a file with a line break, which is no part of the token.
fn read(path: &PathBuf) -> Result<HeaderValue, AuthError> {
    let failed = |error| AuthError::ReadTokenFile(error, path.clone());
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let token = text.trim();
    if token.is_empty() {
        return Err(failed(Error::new(ErrorKind::InvalidData, "the file is empty")));
    }
    let header = HeaderValue::try_from(format!("Bearer {token}"));
    let mut header = header.map_err(AuthError::InvalidBearerToken)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn token_after(file: &TokenFile) -> String {
        let request = file.authorize(Request::new(()));
        request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_ends_before_a_line_break_and_is_read_again_every_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, " one\r\n\n").unwrap();
        let file = TokenFile::new(path.clone()).unwrap();
        assert_eq!(token_after(&file), "Bearer one");
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(token_after(&file), "Bearer one");
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(token_after(&file), "Bearer two");
        std::fs::remove_file(&path).unwrap();
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(token_after(&file), "Bearer two");
    }

    #[test]
    fn a_file_without_a_token_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let error = || TokenFile::new(path.clone()).unwrap_err().to_string();
        assert!(error().contains("token"), "{}", error());
        std::fs::write(&path, "\n").unwrap();
        assert!(error().ends_with("the file is empty"), "{}", error());
    }
}
