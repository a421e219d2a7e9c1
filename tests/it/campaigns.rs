//! Campaigns: launched, joined, left, with milestones and an end.

use hansa_proto::pb::feed::v1::{
    AddMilestoneRequest, CampaignState, EndCampaignRequest, Event, EventKind, Figure, Filter,
    JoinCampaignRequest, LeaveCampaignRequest, ListCampaignsRequest, ListParticipantsRequest,
    Milestone, Outcome, OutcomeKind, Participation,
};
use hansa_tests::events::events_to_head;
use hansa_tests::refusal::{Refusal, refusal};
use hansa_tests::{World, make};
use tonic::Code;

const NAME: &str = "campaigns/housing";

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_campaign() {
    let world = World::start().await;
    let mut registry = world.registry();
    registry.create_network(make::network("front")).await.unwrap();
    let mut position = 0;
    for id in ["a", "b", "c"] {
        let created = registry.create_member(make::member(id, "ES")).await.unwrap().into_inner();
        position = created.position;
    }
    let mut campaigns = world.campaigns();
    let mut launch = make::campaign("housing", "front");
    launch.campaign.as_mut().unwrap().leads = vec![make::member_name("a")];
    launch.participants =
        vec![Participation { member: make::member_name("b"), ..Default::default() }];
    launch.min_registry_position = position;
    let launched = campaigns.launch_campaign(launch).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!(launched.state(), CampaignState::Active);
    assert_eq!(launched.participant_count, 1);

    let join = JoinCampaignRequest {
        name: NAME.to_owned(),
        member: make::member_name("c"),
        occurred_at: make::date(&[2018, 7]),
        ..Default::default()
    };
    campaigns.join_campaign(join.clone()).await.unwrap();
    assert_eq!(
        refusal(campaigns.join_campaign(join.clone()).await),
        Refusal::expected(Code::FailedPrecondition, "REFUSED", &["ALREADY_A_PARTICIPANT"])
    );
    let leave = LeaveCampaignRequest {
        name: NAME.to_owned(),
        member: make::member_name("b"),
        ..Default::default()
    };
    campaigns.leave_campaign(leave.clone()).await.unwrap();
    assert_eq!(
        refusal(campaigns.leave_campaign(leave).await),
        Refusal::expected(Code::FailedPrecondition, "REFUSED", &["NOT_A_PARTICIPANT"])
    );
    let milestone = Milestone {
        title: "40 cities".to_owned(),
        figures: vec![Figure { label: "cities".to_owned(), value: 40.0, ..Default::default() }],
        ..Default::default()
    };
    let add = AddMilestoneRequest {
        name: NAME.to_owned(),
        milestone: Some(milestone.clone()),
        ..Default::default()
    };
    let reached = campaigns.add_milestone(add).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!(reached.milestones, [milestone]);
    let end = EndCampaignRequest {
        name: NAME.to_owned(),
        outcome: Some(Outcome {
            kind: OutcomeKind::PartlyWon.into(),
            summary: "declaration presented".to_owned(),
        }),
        ended: make::date(&[2019]),
        ..Default::default()
    };
    let ended = campaigns.end_campaign(end.clone()).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!(ended.state(), CampaignState::Ended);
    assert_eq!(ended.outcome.unwrap().kind(), OutcomeKind::PartlyWon);
    assert_eq!(
        refusal(campaigns.end_campaign(end).await),
        Refusal::expected(Code::FailedPrecondition, "REFUSED", &["CAMPAIGN_ENDED"])
    );
    assert_eq!(
        refusal(campaigns.join_campaign(join).await),
        Refusal::expected(
            Code::FailedPrecondition,
            "REFUSED",
            &["ALREADY_A_PARTICIPANT", "CAMPAIGN_ENDED"]
        )
    );

    let list = ListParticipantsRequest { name: NAME.to_owned(), ..Default::default() };
    let participants = campaigns.list_participants(list).await.unwrap().into_inner().participants;
    let active: Vec<_> =
        participants.iter().map(|part| (part.member.as_str(), part.active)).collect();
    assert_eq!(active, [("members/b", false), ("members/c", true)]);
    for member in ["a", "b", "c"] {
        let request =
            ListCampaignsRequest { member: make::member_name(member), ..Default::default() };
        let found = campaigns.list_campaigns(request).await.unwrap().into_inner().campaigns;
        assert_eq!(found.len(), 1, "{member}");
    }

    let filter = Filter { campaigns: vec![NAME.to_owned()], ..Default::default() };
    let events = events_to_head(&mut world.feed(), Some(filter)).await;
    assert_eq!(
        events.iter().map(Event::kind).collect::<Vec<_>>(),
        [
            EventKind::CampaignLaunched,
            EventKind::CampaignJoined,
            EventKind::CampaignJoined,
            EventKind::CampaignLeft,
            EventKind::CampaignMilestone,
            EventKind::CampaignEnded
        ]
    );
    assert_eq!(events[0].position, events[1].position, "a launch is one commit");
}
