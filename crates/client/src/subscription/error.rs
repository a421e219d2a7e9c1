//! What interrupts a subscription, and what ends it.
//!
//! | what happens | what the subscription does |
//! | --- | --- |
//! | UNAVAILABLE, a broken connection, a stream that ends although it has no end | waits and resumes |
//! | nothing received for 2.5 times the interval that the feed announced | resumes, over another connection |
//! | a status that says `retryable`: STREAM_QUOTA, SNAPSHOT_LOST, NOT_SERVING … | resumes, not before the time it names |
//! | UNAUTHENTICATED | asks for another token, once; a second time in a row: ends, `Unauthenticated` |
//! | the token cannot be had | waits and asks again |
//! | CURSOR_EXPIRED | ends, `Expired`; or goes on as [`OnExpired`](crate::OnExpired) says, and tells the [`Gap`](crate::Gap) |
//! | CURSOR_FOREIGN, or another identity in `Opened` | ends, `Foreign` |
//! | CURSOR_IN_FUTURE | ends, `InFuture` |
//! | an event again, or before one that was yielded | drops it if it is known to be a repetition, else ends, `BrokenPromise` |
//! | a cursor committed by somebody else, with automatic commits | ends, `CommittedElsewhere` |
//! | any other status | ends, `Refused` |
//! | more tries in a row than [`Backoff::tries`](crate::Backoff::tries) | ends, `GaveUp` |

use std::fmt;
use std::time::Duration;

use crate::error::CallError;

/// Why a connection was lost, or could not be had: it is tried again.
#[derive(Debug, Clone, PartialEq)]
pub enum Interruption {
    /// A call failed, or the stream did.
    Call(CallError),
    /// Nothing was received for so long.
    Silence(Duration),
    /// The stream ended although it has no end.
    Ended,
    /// There is no token, for this reason.
    Token(String),
}

impl fmt::Display for Interruption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(formatter),
            Self::Silence(patience) => {
                write!(formatter, "nothing was received for {:.1} s", patience.as_secs_f64())
            }
            Self::Ended => formatter.write_str("the stream ended"),
            Self::Token(problem) => write!(formatter, "there is no token: {problem}"),
        }
    }
}

/// What ends a subscription. What was yielded before stands, and its cursor too.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubscriptionError {
    /// Nothing as old as the cursor is kept, and the subscription was to fail then.
    #[error("nothing as old as the cursor is kept")]
    Expired {
        /// What the feed says; its metadata name the `oldest` position and the `head`.
        #[source]
        cause: CallError,
    },
    /// The feed has another journal than the one the cursor, or what was yielded, is of.
    #[error("the feed has another journal than before: {found} instead of {expected}")]
    Foreign {
        /// Identity of the journal known, in hexadecimal digits.
        expected: String,
        /// Identity of the journal met.
        found: String,
    },
    /// The cursor is ahead of the journal: the feed has lost its end, or it is that of a copy.
    #[error("the cursor is ahead of the feed")]
    InFuture {
        /// What the feed says.
        #[source]
        cause: CallError,
    },
    /// The feed took no token, twice in a row.
    #[error("the feed does not know who this is")]
    Unauthenticated {
        /// What the feed says.
        #[source]
        cause: CallError,
    },
    /// The feed refuses it, and would again.
    #[error("the feed refuses the subscription")]
    Refused {
        /// What the feed says.
        #[source]
        cause: CallError,
    },
    /// The feed did what it never does.
    #[error("the feed broke its promise: {what}")]
    BrokenPromise {
        /// What it did.
        what: String,
    },
    /// Somebody else has committed a cursor of the same named subscription.
    #[error("somebody else committed position {actual} where {expected} was committed")]
    CommittedElsewhere {
        /// Position of the cursor committed last, as known here.
        expected: u64,
        /// Position of the one committed now.
        actual: u64,
    },
    /// As many tries in a row as there may be came to nothing.
    #[error("given up after {tries} tries: {last}")]
    GaveUp {
        /// How many.
        tries: u32,
        /// What became of the last.
        last: Interruption,
    },
}

impl SubscriptionError {
    /// What one can do about it.
    pub fn way_out(&self) -> &'static str {
        match self {
            Self::Expired { .. } => {
                "begin with a snapshot, or with the oldest event kept, and know that something is \
                 missing: `on_expired` does either"
            }
            Self::Foreign { .. } => {
                "see whether this is the right feed; if it is, it was made anew: drop what was kept \
                 of the old one, and begin from the beginning or with a snapshot"
            }
            Self::InFuture { .. } => {
                "see whether the feed was restored from a backup: what came after it is lost there; \
                 begin from the beginning or with a snapshot"
            }
            Self::Unauthenticated { .. } => "see where the token comes from",
            Self::Refused { .. } => "correct what the feed names, and subscribe again",
            Self::BrokenPromise { .. } => {
                "see the log of the feed; `hansa journal verify` checks it"
            }
            Self::CommittedElsewhere { .. } => {
                "let one consumer at a time use a name; subscribe again to go on after the other"
            }
            Self::GaveUp { .. } => {
                "see whether the feed runs, and subscribe again after the cursor"
            }
        }
    }

    /// The failed call behind it.
    pub fn call(&self) -> Option<&CallError> {
        match self {
            Self::Expired { cause }
            | Self::InFuture { cause }
            | Self::Unauthenticated { cause }
            | Self::Refused { cause }
            | Self::GaveUp { last: Interruption::Call(cause), .. } => Some(cause),
            _ => None,
        }
    }
}

/// Why a cursor was not committed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// The subscription has no name: its cursor is its user's to keep.
    #[error("only a named subscription has a cursor to commit")]
    NotNamed,
    /// The cursor is not one, or stands after what was yielded.
    #[error("the cursor was not yielded by this subscription")]
    NotYielded,
    /// Somebody else committed another cursor meanwhile.
    #[error("somebody else committed position {actual} where {expected} was committed")]
    CommittedElsewhere {
        /// Position of the cursor committed last, as known here.
        expected: u64,
        /// Position of the one committed now.
        actual: u64,
    },
    /// The call failed; when that may pass, it was tried several times. Committing again is safe, also
    /// when the call took effect.
    #[error("the cursor could not be committed: {0}")]
    Failed(Interruption),
}

/// What a failure comes to.
pub(super) enum Verdict {
    /// Try again, not before this time.
    Again(Option<Duration>),
    /// Try again with another token.
    AnotherToken,
    /// No more.
    End(SubscriptionError),
}

/// Judges a failure. `expired_is_fatal`: the subscription was to fail when its cursor is too old.
pub(super) fn judge(
    cause: &Interruption,
    expired_is_fatal: bool,
    token_was_renewed: bool,
    identity: Option<&[u8]>,
) -> Verdict {
    let Interruption::Call(call) = cause else {
        return Verdict::Again(None);
    };
    let cause = call.clone();
    match call.reason.as_deref() {
        Some("CURSOR_EXPIRED") if expired_is_fatal => {
            Verdict::End(SubscriptionError::Expired { cause })
        }
        Some("CURSOR_EXPIRED") => Verdict::Again(call.retry_after),
        Some("CURSOR_FOREIGN") => Verdict::End(SubscriptionError::Foreign {
            expected: identity.map(hex).unwrap_or_default(),
            found: call.metadata.get("identity").cloned().unwrap_or_default(),
        }),
        Some("CURSOR_IN_FUTURE") => Verdict::End(SubscriptionError::InFuture { cause }),
        _ if call.code == tonic::Code::Unauthenticated => match token_was_renewed {
            false => Verdict::AnotherToken,
            true => Verdict::End(SubscriptionError::Unauthenticated { cause }),
        },
        _ if call.retryable => Verdict::Again(call.retry_after),
        _ => Verdict::End(SubscriptionError::Refused { cause }),
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
