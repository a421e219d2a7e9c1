//! Who subscribes: a bearer token, asked for anew for each connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tonic::Request;
use tonic::metadata::MetadataValue;

use super::error::Interruption;

/// Why a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFor {
    /// A connection is opened.
    Connection,
    /// The feed has just refused the last one as UNAUTHENTICATED: a token that was kept is no good.
    Refused,
}

type Asked = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Where bearer tokens come from.
#[derive(Clone)]
pub struct Tokens(Arc<dyn Fn(TokenFor) -> Asked + Send + Sync>);

impl Tokens {
    /// From a function that is asked for each connection, and once more when the feed refuses what it
    /// gave. What it fails with is told as an interruption, and it is asked again after a wait.
    pub fn from_fn<F, A, E>(ask: F) -> Self
    where
        F: Fn(TokenFor) -> A + Send + Sync + 'static,
        A: Future<Output = Result<String, E>> + Send + 'static,
        E: fmt::Display,
    {
        Self(Arc::new(move |why| {
            let asked = ask(why);
            Box::pin(async move { asked.await.map_err(|error| error.to_string()) })
        }))
    }

    /// Always the same.
    pub fn fixed(token: impl Into<String>) -> Self {
        let token = token.into();
        Self::from_fn(move |_| {
            let token = token.clone();
            async move { Ok::<_, String>(token) }
        })
    }

    /// The token as a request carries it.
    async fn ask(
        &self,
        why: TokenFor,
    ) -> Result<MetadataValue<tonic::metadata::Ascii>, Interruption> {
        let token = (self.0)(why).await.map_err(Interruption::Token)?;
        let value = MetadataValue::try_from(format!("Bearer {token}"));
        let mut value =
            value.map_err(|_| Interruption::Token("it holds what a header cannot".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A request that carries the token.
pub(super) async fn signed<M>(
    message: M,
    tokens: Option<&Tokens>,
    why: TokenFor,
) -> Result<Request<M>, Interruption> {
    let mut request = Request::new(message);
    if let Some(tokens) = tokens {
        request.metadata_mut().insert("authorization", tokens.ask(why).await?);
    }
    Ok(request)
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens")
    }
}
