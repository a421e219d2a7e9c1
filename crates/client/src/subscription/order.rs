//! Nothing twice, nothing out of order: what was yielded, by place.

use std::collections::VecDeque;

use hansa_proto::pb::feed::v1 as pb;

/// So many batches are remembered, to tell a repetition from something that comes too late.
const REMEMBERED: usize = 64;

/// What was yielded so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Everything up to here was yielded.
    up_to: u64,
    /// Where that was when the present stream opened: what it sends up to here was yielded before.
    before_stream: u64,
    /// Last positions of the batches that the present stream brought lately.
    lately: VecDeque<u64>,
}

impl Order {
    /// Everything up to here was yielded.
    pub(super) fn up_to(&self) -> u64 {
        self.up_to
    }

    /// A stream opens.
    pub(super) fn stream_opens(&mut self) {
        self.before_stream = self.up_to;
        self.lately.clear();
    }

    /// Everything up to here was yielded, or will not be.
    pub(super) fn come_to(&mut self, position: u64) {
        self.up_to = self.up_to.max(position);
    }

    /// What of a batch is new: whole commits, perhaps none. An error when it holds what can be neither
    /// new nor a repetition.
    pub(super) fn admit(&mut self, mut events: Vec<pb::Event>) -> Result<Vec<pb::Event>, String> {
        let in_order = events.windows(2).all(|pair| place(&pair[0]) < place(&pair[1]));
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Ok(events);
        };
        if !in_order {
            return Err(format!("the events of the batch up to {} are not in order", last.name));
        }
        let (first, last) = (first.position, last.position);
        if first > self.up_to {
            self.remember(last);
            return Ok(events);
        }
        let repeated = last <= self.before_stream || self.lately.contains(&last);
        if !repeated && first > self.before_stream {
            return Err(format!("events at {first} came after those at {}", self.up_to));
        }
        events.retain(|event| event.position > self.up_to);
        if !events.is_empty() {
            self.remember(last);
        }
        Ok(events)
    }

    fn remember(&mut self, last: u64) {
        self.come_to(last);
        self.lately.push_back(last);
        if self.lately.len() > REMEMBERED {
            self.lately.pop_front();
        }
    }
}

fn place(event: &pb::Event) -> (u64, u32) {
    (event.position, event.index)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn batch(places: &[(u64, u32)]) -> Vec<pb::Event> {
        let event = |(position, index): &(u64, u32)| pb::Event {
            position: *position,
            index: *index,
            ..Default::default()
        };
        places.iter().map(event).collect()
    }

    fn admitted(order: &mut Order, places: &[(u64, u32)]) -> Vec<(u64, u32)> {
        order.admit(batch(places)).unwrap().iter().map(place).collect()
    }

    #[test]
    fn what_was_yielded_before_the_stream_opened_is_dropped_by_whole_commits() {
        let mut order = Order::default();
        assert_eq!(admitted(&mut order, &[(1, 0), (3, 0), (3, 1)]).len(), 3);
        order.stream_opens();
        // Cut into other batches than the first time.
        assert_eq!(admitted(&mut order, &[(1, 0)]), []);
        assert_eq!(admitted(&mut order, &[(3, 0), (3, 1), (4, 0)]), [(4, 0)]);
        assert_eq!(order.up_to(), 4);
    }

    #[test]
    fn a_repetition_is_dropped_and_what_comes_too_late_is_not_taken_for_one() {
        let mut order = Order::default();
        admitted(&mut order, &[(1, 0)]);
        admitted(&mut order, &[(5, 0)]);
        assert_eq!(admitted(&mut order, &[(5, 0)]), [], "sent twice");
        assert_eq!(admitted(&mut order, &[(1, 0)]), [], "sent twice, later");
        assert!(order.admit(batch(&[(3, 0)])).is_err(), "it should have come before 5");
        assert!(order.admit(batch(&[(7, 1), (7, 0)])).is_err());
        assert!(order.admit(batch(&[(7, 0), (7, 0)])).is_err());
        assert_eq!(admitted(&mut order, &[(7, 0)]), [(7, 0)]);
    }
}
