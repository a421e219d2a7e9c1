//! Campaigns through gRPC: launched, joined, left, ended, and what stands against it.

use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::feed::v1 as pb;

use crate::feed::{Feed, rules, small_registry};

fn campaign(id: &str) -> pb::Campaign {
    pb::Campaign {
        name: format!("campaigns/{id}"),
        title: "Right to housing".to_owned(),
        kind: pb::CampaignKind::Lobbying as i32,
        network: "networks/fearless".to_owned(),
        leads: vec!["members/barcelona".to_owned()],
        ..Default::default()
    }
}

fn milestone(title: &str, year: i32) -> pb::AddMilestoneRequest {
    let reached = (year > 0).then_some(common::PartialDate { year, ..Default::default() });
    pb::AddMilestoneRequest {
        name: "campaigns/a".to_owned(),
        milestone: Some(pb::Milestone { title: title.to_owned(), reached, ..Default::default() }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_campaign_lives() {
    let registry = small_registry().await;
    let data = tempfile::tempdir().unwrap();
    let feed = Feed::start(data.path(), &registry).await;
    feed.followed(3).await;
    let mut campaigns = feed.campaigns();

    let takes_part = |member: &str| pb::Participation {
        member: format!("members/{member}"),
        ..Default::default()
    };
    let launch = pb::LaunchCampaignRequest {
        campaign: Some(campaign("a")),
        participants: vec![takes_part("barcelona"), takes_part("madrid")],
        ..Default::default()
    };
    let launched = campaigns.launch_campaign(launch).await.unwrap().into_inner();
    // Leads are not counted.
    assert_eq!(launched.campaign.unwrap().participant_count, 1);

    let leave = pb::LeaveCampaignRequest {
        name: "campaigns/a".to_owned(),
        member: "members/madrid".to_owned(),
        ..Default::default()
    };
    let left = campaigns.leave_campaign(leave.clone()).await.unwrap().into_inner();
    assert!(!left.participation.unwrap().active);
    let again = campaigns.leave_campaign(leave).await.unwrap_err();
    assert_eq!(rules(&again), [("NOT_A_PARTICIPANT".to_owned(), "members/madrid".to_owned())]);
    let join = pb::JoinCampaignRequest {
        name: "campaigns/a".to_owned(),
        member: "members/madrid".to_owned(),
        ..Default::default()
    };
    let joined = campaigns.join_campaign(join.clone()).await.unwrap().into_inner();
    assert!(joined.participation.unwrap().active);

    for (title, year) in [("third", 2020), ("first", 2018), ("second", 2019), ("undated", 0)] {
        campaigns.add_milestone(milestone(title, year)).await.unwrap();
    }
    let end = pb::EndCampaignRequest { name: "campaigns/a".to_owned(), ..Default::default() };
    let ended = campaigns.end_campaign(end.clone()).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!(ended.state, pb::CampaignState::Ended as i32);
    assert_eq!(ended.outcome.unwrap().kind, pb::OutcomeKind::NotKnown as i32);
    let titles: Vec<&str> = ended.milestones.iter().map(|each| each.title.as_str()).collect();
    assert_eq!(titles, ["first", "second", "third", "undated"]);
    let expected = [("CAMPAIGN_ENDED".to_owned(), "campaigns/a".to_owned())];
    assert_eq!(rules(&campaigns.end_campaign(end).await.unwrap_err()), expected);
    assert!(rules(&campaigns.join_campaign(join).await.unwrap_err()).contains(&expected[0]));
    campaigns.add_milestone(milestone("after the end", 2021)).await.unwrap();

    let get = pb::GetCampaignRequest { name: "campaigns/a".to_owned(), min_position: 0 };
    let now = campaigns.get_campaign(get).await.unwrap().into_inner().campaign.unwrap();
    assert_eq!((now.participant_count, now.milestones.len()), (1, 5));
    let list = pb::ListParticipantsRequest { name: "campaigns/a".to_owned(), ..Default::default() };
    let page = campaigns.list_participants(list).await.unwrap().into_inner();
    assert_eq!(page.participants.len(), 2);
    for member in ["members/barcelona", "members/madrid"] {
        let list = pb::ListCampaignsRequest { member: member.to_owned(), ..Default::default() };
        let page = campaigns.list_campaigns(list).await.unwrap().into_inner();
        assert_eq!(page.campaigns.first(), Some(&now));
        assert_eq!(page.campaigns.len(), 1);
    }
    feed.stop().await;
}
