//! One connection: how it is opened, and when its silence means that it is dead.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use hansa_proto::pb::feed::v1 as pb;
use hansa_proto::pb::feed::v1::feed_service_client::FeedServiceClient;
use tokio::time::Sleep;
use tonic::Streaming;
use tonic::transport::Channel;

use super::error::Interruption;
use super::tokens::{TokenFor, Tokens, signed};

/// What a silence that was over before anybody listened is prolonged by, once: what has arrived is read
/// only now.
const GRACE: Duration = Duration::from_secs(1);

/// Silence for longer than this means that a stream with such an interval is dead.
pub(super) fn patience(interval: Duration) -> Duration {
    interval.mul_f64(2.5)
}

/// What a connection is opened with.
pub(super) struct Opening {
    pub(super) feed: FeedServiceClient<Channel>,
    pub(super) request: pb::SubscribeRequest,
    /// The named subscription whose committed cursor is not known yet.
    pub(super) name: Option<String>,
    pub(super) tokens: Option<Tokens>,
    pub(super) why: TokenFor,
    pub(super) patience: Duration,
}

/// A connection that is open.
pub(super) struct Link {
    stream: Streaming<pb::SubscribeResponse>,
    patience: Duration,
    /// Over when nothing was received for too long.
    silence: Pin<Box<Sleep>>,
    graced: bool,
}

/// A connection, and the cursor committed for the name it was opened by.
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) committed: Option<Bytes>,
}

impl Opening {
    /// Opens it, or says why not.
    pub(super) async fn run(self) -> Result<Opened, Interruption> {
        let patience = self.patience;
        let opened = tokio::time::timeout(patience, self.call()).await;
        opened.map_err(|_| Interruption::Silence(patience))?
    }

    async fn call(mut self) -> Result<Opened, Interruption> {
        let committed = match self.name.take() {
            Some(name) => Some(committed(&mut self.feed, name, self.tokens.as_ref()).await?),
            None => None,
        };
        let request = signed(self.request, self.tokens.as_ref(), self.why).await?;
        let answer = self.feed.subscribe(request).await;
        let stream = answer.map_err(|status| Interruption::Call(status.into()))?.into_inner();
        let silence = Box::pin(tokio::time::sleep(self.patience));
        let link = Link { stream, patience: self.patience, silence, graced: false };
        Ok(Opened { link, committed })
    }
}

/// The cursor that is committed under a name; empty when there is none yet.
pub(super) async fn committed(
    feed: &mut FeedServiceClient<Channel>,
    name: String,
    tokens: Option<&Tokens>,
) -> Result<Bytes, Interruption> {
    let message = pb::GetSubscriptionRequest { name, min_position: 0 };
    let request = signed(message, tokens, TokenFor::Connection).await?;
    let answer = feed.get_subscription(request).await;
    let answer = answer.map_err(|status| Interruption::Call(status.into()))?.into_inner();
    Ok(answer.subscription.unwrap_or_default().cursor)
}

impl Link {
    /// The feed announced how long it may be silent.
    pub(super) fn announced(&mut self, interval: Duration) {
        self.patience = patience(interval);
        self.silence = Box::pin(tokio::time::sleep(self.patience));
    }

    /// The next message; none at the end. May be cancelled at any time, also again and again.
    pub(super) async fn message(&mut self) -> Result<Option<pb::SubscribeResponse>, Interruption> {
        if self.silence.is_elapsed() && !self.graced {
            self.graced = true;
            self.silence = Box::pin(tokio::time::sleep(GRACE.min(self.patience)));
        }
        let message = tokio::select! {
            biased;
            message = self.stream.message() => message,
            () = self.silence.as_mut() => return Err(Interruption::Silence(self.patience)),
        };
        self.silence = Box::pin(tokio::time::sleep(self.patience));
        self.graced = false;
        message.map_err(|status| Interruption::Call(status.into()))
    }
}
