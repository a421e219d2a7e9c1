//! Streams of one connection that are sent the same. As long as a stream has nothing else to say, it is not
//! looked at by itself: what comes is taken once, and handed to h2 for each of them. A thousand streams that
//! were each woken would look for each event at a thousand places of memory that other work has pushed out of
//! the processor's caches.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use hyper::body::Bytes;
use tokio::time::{Sleep, sleep};

use super::call::{Call, Passed};
use crate::clock;
use crate::framed::{Broadcast, Follows};

/// See the top of this file.
pub(super) struct Followers {
    groups: Vec<Group>,
    /// Raised by h2, in the connection's own task, when one of them was reset or has room again.
    stirred: Arc<Flag>,
    stirring: Waker,
}

/// Those that follow one broadcast, and stand at the same place of it.
struct Group {
    broadcast: Arc<dyn Broadcast>,
    pieces: BoxStream<'static, (Bytes, u64)>,
    place: u64,
    members: Vec<Member>,
    /// Until the first of them has something else to say.
    sleep: Pin<Box<Sleep>>,
    due: Duration,
}

struct Member {
    call: Call,
    /// When it has something else to say.
    due: Duration,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Default for Followers {
    fn default() -> Followers {
        let stirred = Arc::<Flag>::default();
        let stirring = Waker::from(Arc::clone(&stirred));
        Followers { groups: Vec::new(), stirred, stirring }
    }
}

impl Followers {
    /// Takes a call along. One that stands at another place than the others is given back.
    pub(super) fn join(&mut self, mut call: Call, follows: Follows) -> Result<(), Call> {
        let Follows { broadcast, place, due } = follows;
        if !call.prepare(&mut Context::from_waker(&self.stirring)) {
            return Ok(());
        }
        let same = |group: &&mut Group| Arc::ptr_eq(&group.broadcast, &broadcast);
        let group = match self.groups.iter_mut().find(same) {
            Some(group) => group,
            None => {
                self.groups.push(Group::new(broadcast, place, due));
                self.groups.last_mut().expect("one was added")
            }
        };
        group.join(call, place, due)
    }

    /// Sends what has come to all of them; those that are to go on by themselves leave.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, mut leave: impl FnMut(Call)) {
        let stirred = self.stirred.0.swap(false, Ordering::Relaxed);
        let mut stirring = Context::from_waker(&self.stirring);
        for group in &mut self.groups {
            if stirred {
                group.members.retain_mut(|member| member.call.prepare(&mut stirring));
            }
            group.poll(cx, &mut stirring, &mut leave);
        }
        self.groups.retain(|group| !group.members.is_empty());
        // What they were given room for in this very turn is nothing to look after.
        self.stirred.0.store(false, Ordering::Relaxed);
    }

    /// Whether there is something to look after before the connection waits.
    pub(super) fn are_stirred(&self) -> bool {
        self.stirred.0.load(Ordering::Relaxed) && !self.groups.is_empty()
    }
}

impl Group {
    fn new(broadcast: Arc<dyn Broadcast>, place: u64, due: Duration) -> Group {
        let pieces = Arc::clone(&broadcast).after(place);
        let sleep = Box::pin(sleep(due.saturating_sub(clock::uptime())));
        Group { broadcast, pieces, place, members: Vec::new(), sleep, due }
    }

    fn join(&mut self, call: Call, place: u64, due: Duration) -> Result<(), Call> {
        if place != self.place {
            return Err(call);
        }
        self.members.push(Member { call, due });
        if due < self.due {
            self.rest_until(due);
        }
        Ok(())
    }

    fn rest_until(&mut self, due: Duration) {
        self.due = due;
        self.sleep.set(sleep(due.saturating_sub(clock::uptime())));
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        stirring: &mut Context<'_>,
        leave: &mut impl FnMut(Call),
    ) {
        while let Poll::Ready(next) = self.pieces.poll_next_unpin(cx) {
            let Some((piece, place)) = next else {
                return self.leave(|_| true, leave);
            };
            self.send(&piece, stirring, leave);
            self.place = place;
        }
        while !self.members.is_empty() && self.sleep.as_mut().poll(cx).is_ready() {
            let now = clock::uptime();
            self.leave(|member| member.due <= now, leave);
            if let Some(due) = self.members.iter().map(|member| member.due).min() {
                self.rest_until(due);
            }
        }
    }

    /// Sends a piece to each; who has no room for it leaves before it.
    fn send(&mut self, piece: &Bytes, stirring: &mut Context<'_>, leave: &mut impl FnMut(Call)) {
        let mut at = 0;
        while let Some(member) = self.members.get_mut(at) {
            match member.call.pass(piece, stirring) {
                Passed::Sent => at += 1,
                Passed::Ended => drop(self.members.swap_remove(at)),
                Passed::NoRoom => {
                    let mut call = self.members.swap_remove(at).call;
                    call.goes_on(self.place);
                    leave(call);
                }
            }
        }
    }

    fn leave(&mut self, which: impl Fn(&mut Member) -> bool, leave: &mut impl FnMut(Call)) {
        let place = self.place;
        for Member { mut call, .. } in self.members.extract_if(.., |member| which(member)) {
            call.goes_on(place);
            leave(call);
        }
    }
}
