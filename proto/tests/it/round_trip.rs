//! Whatever is strict is read back from what it wrote, unchanged, through bytes.

use hansa_proto::date::PartialDate;
use hansa_proto::feed::{
    Campaign, Cursor, Filter, Participation, Signature, Statement, Subscription,
};
use hansa_proto::registry::{Member, Membership, Network, Recorded};
use hansa_proto::violation::Violations;
use proptest::prelude::*;
use prost::Message;

use crate::strategies as any;

fn through_bytes<M: Message + Default>(message: &M) -> M {
    M::decode(message.encode_to_vec().as_slice()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn networks(network in any::network()) {
        let message = through_bytes(&network.to_pb(7));
        prop_assert_eq!(message.active_member_count, 7);
        prop_assert_eq!(Network::from_stored(message), Ok(network));
    }

    #[test]
    fn members(member in any::member()) {
        prop_assert_eq!(Member::from_stored(through_bytes(&member.to_pb())), Ok(member));
    }

    #[test]
    fn memberships(membership in any::membership()) {
        let message = through_bytes(&membership.to_pb());
        prop_assert_eq!(message.state, membership.state().to_pb());
        prop_assert_eq!(Membership::from_stored(message), Ok(membership));
    }

    #[test]
    fn statements(statement in any::statement()) {
        let message = through_bytes(&statement.clone().into_pb(3));
        prop_assert_eq!(message.signature_count, 3);
        prop_assert_eq!(Statement::from_stored(message), Ok(statement));
    }

    #[test]
    fn signatures(signature in any::signature()) {
        prop_assert_eq!(Signature::from_stored(through_bytes(&signature.to_pb())), Ok(signature));
    }

    #[test]
    fn campaigns(campaign in any::campaign()) {
        let message = through_bytes(&campaign.to_pb(5));
        prop_assert_eq!(message.participant_count, 5);
        prop_assert_eq!(Campaign::from_stored(message), Ok(campaign));
    }

    #[test]
    fn participations(participation in any::participation()) {
        let message = through_bytes(&participation.to_pb());
        prop_assert_eq!(Participation::from_stored(message), Ok(participation));
    }

    #[test]
    fn filters(filter in any::filter()) {
        prop_assert_eq!(Filter::from_stored(through_bytes(&filter.to_pb())), Ok(filter));
    }

    #[test]
    fn subscriptions(subscription in any::subscription()) {
        let message = through_bytes(&subscription.to_pb());
        prop_assert_eq!(message.position, subscription.cursor.map_or(0, |it| it.position));
        prop_assert_eq!(Subscription::from_stored(message), Ok(subscription));
    }

    #[test]
    fn cursors(identity: [u8; 16], position: u64) {
        let cursor = Cursor { identity, position };
        let bytes = cursor.encode();
        prop_assert_eq!(bytes.len(), 25);
        prop_assert_eq!(&bytes[17..], &position.to_be_bytes()[..]);
        prop_assert_eq!(Cursor::decode(&bytes), Ok(cursor));
        for cut in 0..25 {
            prop_assert!(Cursor::decode(&bytes[..cut]).is_err());
        }
        prop_assert!(Cursor::decode(&[&bytes[..], &[0]].concat()).is_err());
        prop_assert!(Cursor::decode(&[&[2], &bytes[1..]].concat()).is_err());
    }

    #[test]
    fn dates(date in any::date()) {
        prop_assert_eq!(date.to_string().parse::<PartialDate>(), Ok(date));
    }

    /// What a service sets is ignored in requests: a network sent back as it was received is as new.
    #[test]
    fn requests_cannot_set_what_the_service_sets(network in any::network(), member in any::member()) {
        let mut violations = Violations::default();
        let mut message = network.to_pb(9);
        message.state = 0;
        let parsed = Network::parse(message, "network", &mut violations).unwrap();
        prop_assert_eq!(parsed.recorded, Recorded::default());
        prop_assert_eq!(parsed.ended, None);
        prop_assert!(parsed.relations.is_empty());
        prop_assert_eq!(parsed.names, network.names);
        let mut message = member.to_pb();
        message.state = 0;
        let parsed = Member::parse(message, "member", &mut violations).unwrap();
        prop_assert_eq!(parsed.recorded, Recorded::default());
        prop_assert_eq!(parsed.retired, None);
        prop_assert!(violations.is_empty());
    }
}
