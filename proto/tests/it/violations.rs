//! Every class of rule: what it refuses, and that it names the field by its whole path.

use hansa_proto::feed::{Campaign, Filter, Participation, Signature, Statement};
use hansa_proto::fields::Fields;
use hansa_proto::ids::{MemberId, NetworkId, RequestId, StatementId};
use hansa_proto::limits;
use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::feed::v1 as feed;
use hansa_proto::pb::registry::v1 as registry;
use hansa_proto::registry::{Admission, Member, Membership, Network, NetworkState, Role, Term};
use hansa_proto::violation::Violations;

pub fn name(text: &str) -> common::Name {
    common::Name { text: text.to_owned(), ..Default::default() }
}
pub fn source(citation: &str) -> common::Source {
    common::Source { citation: citation.to_owned(), ..Default::default() }
}
pub fn network() -> registry::Network {
    registry::Network {
        name: "networks/anvita".to_owned(),
        names: vec![name("ANVITA")],
        kind: registry::NetworkKind::CityNetwork as i32,
        ..Default::default()
    }
}
pub fn member() -> registry::Member {
    registry::Member {
        name: "members/es-barcelona".to_owned(),
        names: vec![name("Barcelona")],
        kind: registry::MemberKind::Municipality as i32,
        ..Default::default()
    }
}
pub fn statement() -> feed::Statement {
    feed::Statement {
        name: "statements/palermo-2015".to_owned(),
        kind: feed::StatementKind::Charter as i32,
        title: "Charter of Palermo".to_owned(),
        ..Default::default()
    }
}
pub fn campaign() -> feed::Campaign {
    feed::Campaign {
        name: "campaigns/sanctuary".to_owned(),
        kind: feed::CampaignKind::Front as i32,
        title: "Sanctuary".to_owned(),
        ..Default::default()
    }
}
fn date(year: i32, month: i32, day: i32) -> Option<common::PartialDate> {
    Some(common::PartialDate { year, month, day, latest: None })
}

/// Fields refused of a message, in order; none when it is accepted. A message is accepted exactly
/// when nothing is reported.
pub fn refused<M, T>(
    message: M,
    parse: impl Fn(M, &str, &mut Violations) -> Option<T>,
    root: &str,
) -> Vec<String> {
    let mut violations = Violations::default();
    let parsed = parse(message, root, &mut violations);
    assert_eq!(parsed.is_some(), violations.is_empty());
    violations.into_vec().into_iter().map(|violation| violation.field).collect()
}
pub fn refused_network(change: impl Fn(&mut registry::Network)) -> Vec<String> {
    let mut message = network();
    change(&mut message);
    refused(message, Network::parse, "network")
}
pub fn refused_member(change: impl Fn(&mut registry::Member)) -> Vec<String> {
    let mut message = member();
    change(&mut message);
    refused(message, Member::parse, "member")
}
pub fn refused_statement(change: impl Fn(&mut feed::Statement)) -> Vec<String> {
    let mut message = statement();
    change(&mut message);
    refused(message, Statement::parse, "statement")
}
pub fn refused_campaign(change: impl Fn(&mut feed::Campaign)) -> Vec<String> {
    let mut message = campaign();
    change(&mut message);
    refused(message, Campaign::parse, "campaign")
}
pub fn refused_filter(filter: feed::Filter) -> Vec<String> {
    refused(filter, Filter::parse, "filter")
}

#[test]
fn the_least_there_can_be_is_accepted() {
    assert!(refused_network(|_| ()).is_empty());
    assert!(refused_member(|_| ()).is_empty());
    assert!(refused_statement(|_| ()).is_empty());
    assert!(refused_campaign(|_| ()).is_empty());
    assert!(refused_filter(feed::Filter::default()).is_empty());
    let active = registry::Term { state: 3, ..Default::default() };
    assert!(refused(active, Term::parse, "term").is_empty(), "sources are a rule, not a form");
}

#[test]
fn everything_is_reported_at_once() {
    let refused = refused_network(|network| {
        network.name = "anvita".to_owned();
        network.names = vec![name("A"), name(" B"), name("")];
        network.names[0].language = "french-".to_owned();
        network.kind = 0;
        network.scale = 99;
        network.themes = vec!["a".to_owned(), "b\u{7}".to_owned()];
        network.founded = date(2018, 2, 30);
        network.admission = Some(registry::Admission {
            classes: vec![1, 0],
            eligibility: Some(registry::Eligibility {
                countries: vec!["ES".to_owned(), "es".to_owned()],
                min_population: -1,
                ..Default::default()
            }),
            ..Default::default()
        });
        network.sources = vec![source("x"), source("")];
        network.sources[0].uri = "ftp://example.org".to_owned();
    });
    assert_eq!(
        refused,
        [
            "network.name",
            "network.names[0].language",
            "network.names[1].text",
            "network.names[2].text",
            "network.kind",
            "network.scale",
            "network.themes[1]",
            "network.founded.day",
            "network.admission.classes[1]",
            "network.admission.eligibility.countries[1]",
            "network.admission.eligibility.min_population",
            "network.sources[0].uri",
            "network.sources[1].citation",
        ]
    );
}

#[test]
fn names_must_be_there() {
    assert_eq!(refused_network(|network| network.names.clear()), ["network.names"]);
    assert_eq!(refused_member(|member| member.names.clear()), ["member.names"]);
    assert_eq!(refused_statement(|statement| statement.title.clear()), ["statement.title"]);
    assert_eq!(
        refused_campaign(|campaign| campaign.title = " \u{a0}".to_owned()),
        ["campaign.title"]
    );
}

#[test]
fn only_long_texts_have_more_than_one_line() {
    let lines = "one\n\ttwo".to_owned();
    assert!(refused_network(|network| network.note = lines.clone()).is_empty());
    assert_eq!(refused_network(|network| network.seat = lines.clone()), ["network.seat"]);
    assert_eq!(refused_network(|network| network.note = "a\rb".to_owned()), ["network.note"]);
    assert_eq!(refused_statement(|statement| statement.body = "\0".to_owned()), ["statement.body"]);
}

#[test]
fn states_are_given_only_where_they_may() {
    for state in NetworkState::ALL {
        let allowed = !matches!(state, NetworkState::Ended | NetworkState::Merged);
        let refused = refused_network(|network| network.state = state.to_pb());
        assert_eq!(refused.is_empty(), allowed, "{state}");
    }
    assert_eq!(refused_network(|network| network.state = 99), ["network.state"]);
    assert_eq!(refused_member(|member| member.state = 2), ["member.state"]);
    assert_eq!(refused(registry::Term::default(), Term::parse, "term"), ["term.state"]);
    let mut violations = Violations::default();
    let parsed = Network::parse(network(), "network", &mut violations).unwrap();
    assert_eq!(parsed.state, NetworkState::Active);
    assert_eq!(parsed.admission, Admission::default());
}

#[test]
fn uris_are_absolute_and_of_the_web() {
    let refused_uri = |uri: &str| {
        !refused_statement(|statement| statement.document_uri = uri.to_owned()).is_empty()
    };
    for uri in [
        "",
        "https://example.org",
        "HTTP://example.org:8080/a?b=c#d",
        "https://user@example.org/%C3%A9",
        "https://de.wikipedia.org./wiki/Städte",
        "http://[::1]:80/",
        "http://127.0.0.1",
    ] {
        assert!(!refused_uri(uri), "{uri}");
    }
    for uri in [
        "example.org",
        "//example.org",
        "https://",
        "https:///path",
        "https://:80",
        "https://a b",
        "https://a/\n",
        "https://a:port",
        "https://a:99999",
        "https://[::1",
        "https://[nonsense]/",
        "https://a/%zz",
        "https://a/%4",
        "https://a/<b>",
        "ftp://example.org",
        "mailto:a@example.org",
        "javascript:alert(1)",
    ] {
        assert!(refused_uri(uri), "{uri}");
    }
}

#[test]
fn languages_are_well_formed_tags() {
    let refused_tag =
        |tag: &str| !refused_statement(|statement| statement.language = tag.to_owned()).is_empty();
    for tag in ["", "fr", "pt-BR", "zh-Hant-TW", "sl-rozaj-biske", "es-419", "en-x-hansa"] {
        assert!(!refused_tag(tag), "{tag}");
    }
    for tag in ["f", "french-", "-fr", "fr_FR", "12", "de--DE", "abcdefghi", "fr-abcdefghi", "é"] {
        assert!(refused_tag(tag), "{tag}");
    }
}

#[test]
fn numbers_stay_in_their_ranges() {
    let point = |latitude, longitude| {
        refused_member(|member| {
            member.point = Some(common::GeoPoint { latitude, longitude });
        })
    };
    assert!(point(-90.0, 180.0).is_empty());
    assert_eq!(point(90.1, -180.1), ["member.point.latitude", "member.point.longitude"]);
    assert_eq!(point(f64::NAN, f64::INFINITY).len(), 2);

    let money = |currency: &str, units, nanos| {
        let currency = currency.to_owned();
        let amount = common::Money { currency, units, nanos };
        refused_network(|network| {
            let amount = Some(amount.clone());
            network.contributions = vec![registry::Contribution { amount, ..Default::default() }];
        })
    };
    assert!(money("EUR", 0, 999_999_999).is_empty());
    assert_eq!(money("eur", -1, 1_000_000_000).len(), 3);
    assert_eq!(money("EURO", 1, -1).len(), 2);
    assert_eq!(money("", 1, 0), ["network.contributions[0].amount.currency"]);

    let populations = |count| {
        refused_member(|member| {
            member.populations = vec![registry::Population { count, ..Default::default() }];
        })
    };
    assert!(populations(0).is_empty());
    assert_eq!(populations(-1), ["member.populations[0].count"]);
}

#[test]
fn dates_are_dates_of_the_calendar() {
    let founded =
        |year, month, day| refused_network(|network| network.founded = date(year, month, day));
    for (year, month, day) in
        [(1, 0, 0), (9999, 12, 31), (2024, 2, 29), (2000, 2, 29), (2018, 9, 0)]
    {
        assert!(founded(year, month, day).is_empty(), "{year}-{month}-{day}");
    }
    for (year, month, day, field) in [
        (0, 0, 0, "year"),
        (10_000, 0, 0, "year"),
        (-1, 1, 1, "year"),
        (2018, 13, 0, "month"),
        (2018, -1, 0, "month"),
        (2018, 0, 5, "day"),
        (2018, 4, 31, "day"),
        (1900, 2, 29, "day"),
        (2018, 1, -1, "day"),
        (2018, 1, i32::MAX, "day"),
    ] {
        assert_eq!(founded(year, month, day), [format!("network.founded.{field}")]);
    }
}

#[test]
fn members_are_known_by_codes_of_their_systems() {
    let refused_code = |region: &str, country: &str| {
        refused_member(|member| {
            member.m49_region = region.to_owned();
            member.country = country.to_owned();
        })
    };
    assert!(refused_code("150", "ES").is_empty());
    assert!(refused_code("", "").is_empty());
    assert_eq!(refused_code("15", "Spain"), ["member.country", "member.m49_region"]);

    let refused_id = |scheme: i32, value: &str| {
        let id = registry::ExternalId { scheme, value: value.to_owned(), label: String::new() };
        refused_member(|member| member.external_ids = vec![id.clone()])
    };
    for (scheme, value) in [(1, "3128760"), (2, "Q1492"), (3, "ESBCN")] {
        assert!(refused_id(scheme, value).is_empty(), "{value}");
    }
    for (scheme, value) in [(1, "Q1"), (2, "1492"), (2, "Q"), (3, "ES BCN"), (3, "12345")] {
        assert_eq!(refused_id(scheme, value), ["member.external_ids[0].value"], "{value}");
    }
    assert_eq!(refused_id(0, "1"), ["member.external_ids[0].scheme"]);
}

#[test]
fn who_acts_acts_for_a_network() {
    let acting = "members/es-barcelona".to_owned();
    assert_eq!(
        refused_statement(|statement| statement.acting_member = acting.clone()),
        ["statement.acting_member"]
    );
    assert_eq!(
        refused_campaign(|campaign| campaign.acting_member = acting.clone()),
        ["campaign.acting_member"]
    );
    assert!(
        refused_campaign(|campaign| {
            campaign.acting_member = acting.clone();
            campaign.network = "networks/anvita".to_owned();
        })
        .is_empty()
    );
}

#[test]
fn signatures_and_participations_are_checked_even_without_what_they_belong_to() {
    let signature = feed::Signature { member: "x".to_owned(), ..Default::default() };
    let mut violations = Violations::default();
    assert!(Signature::parse(signature, None, "signatures[0]", &mut violations).is_none());
    assert_eq!(violations.into_vec()[0].field, "signatures[0].member");

    let signature = feed::Signature {
        member: "members/es-barcelona".to_owned(),
        statement: "ignored".to_owned(),
        position: 7,
        ..Default::default()
    };
    let statement = StatementId::from_id("palermo-2015").unwrap();
    let mut violations = Violations::default();
    let parsed =
        Signature::parse(signature, Some(&statement), "signatures[0]", &mut violations).unwrap();
    assert_eq!((parsed.statement, parsed.position), (statement, 0));

    let participation = feed::Participation {
        member: "members/es-barcelona".to_owned(),
        left: date(2020, 0, 0),
        ..Default::default()
    };
    assert!(
        Participation::parse(participation, None, "participants[1]", &mut violations).is_none()
    );
    assert_eq!(violations.into_vec()[0].field, "participants[1].left");
}

#[test]
fn filters_ask_for_known_things() {
    let filter = feed::Filter {
        kinds: vec![10, 0, 99],
        networks: vec!["networks/anvita".to_owned(), "members/x".to_owned()],
        members: vec![String::new()],
        countries: vec!["XX".to_owned()],
        themes: vec![" ".to_owned()],
        campaigns: vec!["campaigns/A".to_owned()],
        ..Default::default()
    };
    assert_eq!(
        refused_filter(filter),
        [
            "filter.kinds[1]",
            "filter.kinds[2]",
            "filter.networks[1]",
            "filter.members[0]",
            "filter.countries[0]",
            "filter.themes[0]",
            "filter.campaigns[0]",
        ]
    );
}

#[test]
fn filters_can_match() {
    let joined = feed::EventKind::Joined as i32;
    let founded = feed::EventKind::NetworkFounded as i32;
    let signed = feed::EventKind::StatementSigned as i32;
    let filter = |kinds: &[i32]| feed::Filter {
        kinds: kinds.to_vec(),
        members: vec!["members/es-barcelona".to_owned()],
        countries: vec!["ES".to_owned()],
        campaigns: vec!["campaigns/sanctuary".to_owned()],
        ..Default::default()
    };
    assert!(refused_filter(filter(&[])).is_empty());
    assert!(refused_filter(filter(&[signed])).is_empty());
    assert!(refused_filter(filter(&[joined, signed, founded])).is_empty());
    assert_eq!(refused_filter(filter(&[joined])), ["filter.campaigns"]);
    assert_eq!(
        refused_filter(filter(&[founded])),
        ["filter.campaigns", "filter.members", "filter.countries"]
    );
    let founded_only = feed::Filter { kinds: vec![founded], ..Default::default() };
    assert!(refused_filter(founded_only).is_empty());
}

#[test]
fn themes_of_filters_lose_their_case_and_doubles() {
    let themes = ["Housing", "housing", "ÉCOLOGIE"].map(str::to_owned).to_vec();
    let filter = feed::Filter { themes, ..Default::default() };
    let parsed = Filter::parse(filter, "", &mut Violations::default()).unwrap();
    assert_eq!(parsed.themes.into_iter().collect::<Vec<_>>(), ["housing", "écologie"]);
}

#[test]
fn stored_bytes_that_violate_are_corrupt() {
    let error = Network::from_stored(network()).unwrap_err();
    assert!(error.what.contains("state"), "{error}");
    let broken = registry::Network { state: 2, kind: 99, ..network() };
    let error = Network::from_stored(broken).unwrap_err();
    assert!(error.what.contains("kind"), "{error}");
    let error = Membership::from_stored(registry::Membership {
        name: "networks/anvita/memberships/es-barcelona".to_owned(),
        ..Default::default()
    });
    assert!(error.unwrap_err().what.contains("terms"));
}

#[test]
fn sets_keep_each_entry_once_in_their_order() {
    let twice = ["members/b", "members/a", "members/b"].map(str::to_owned).to_vec();
    let message = feed::Campaign { leads: twice, ..campaign() };
    let parsed = Campaign::parse(message, "campaign", &mut Violations::default()).unwrap();
    let leads: Vec<&str> = parsed.leads.iter().map(|lead| lead.id()).collect();
    assert_eq!(leads, ["b", "a"]);
}

#[test]
fn of_a_list_too_long_only_as_much_is_read_as_there_may_be() {
    let refused = refused_network(|network| network.themes = vec![" ".to_owned(); 10_000]);
    assert_eq!(refused.len(), 1 + limits::THEMES);
    assert_eq!(refused[0], "network.themes");
}

/// As a handler reads JoinNetworkRequest: its own fields, and messages within.
#[test]
fn requests_are_read_field_by_field() {
    let request = registry::JoinNetworkRequest {
        network: "networks/anvita".to_owned(),
        roles: vec![registry::Role { kind: 1, ..Default::default() }, registry::Role::default()],
        occurred_at: date(2018, 13, 0),
        note: "a\u{1b}b".to_owned(),
        request_id: "a b".to_owned(),
        ..Default::default()
    };
    let mut violations = Violations::default();
    let mut fields = Fields::of_request(&mut violations);
    let network = fields.required_name("network", &request.network, NetworkId::parse);
    assert_eq!(network.unwrap().id(), "anvita");
    assert_eq!(fields.required_name("member", &request.member, MemberId::parse), None);
    assert_eq!(fields.list("roles", request.roles, limits::ROLES, Role::read).len(), 1);
    fields.date("occurred_at", request.occurred_at);
    fields.prose("note", request.note, limits::NOTE_CHARACTERS);
    fields.optional_name("request_id", &request.request_id, RequestId::parse);
    assert!(fields.violated());
    let refused: Vec<String> = violations.into_vec().into_iter().map(|one| one.field).collect();
    assert_eq!(refused, ["member", "roles[1].kind", "occurred_at.month", "note", "request_id"]);
}

fn reading(field: &str, value: Option<common::reading::Value>) -> common::Reading {
    common::Reading {
        field: field.to_owned(),
        value,
        sources: vec![source("x")],
        note: String::new(),
    }
}
fn said(text: &str) -> Option<common::reading::Value> {
    Some(common::reading::Value::Text(text.to_owned()))
}

#[test]
fn a_reading_is_of_a_field_and_of_its_type() {
    use common::reading::Value;
    let day = |day| Some(Value::Date(date(2018, 2, day).unwrap()));
    let accepted = [
        reading("founded", day(0)),
        reading("active_member_count", Some(Value::Count(97))),
        reading("origin", said("co_opted")),
        reading("seat", said("Paris")),
    ];
    assert!(refused_network(|network| network.readings = accepted.to_vec()).is_empty());

    let refused = [
        (reading("etag", said("x")), "field"),
        (reading("", said("x")), "field"),
        (reading("founded", said("2018")), "value"),
        (reading("founded", day(30)), "date.day"),
        (reading("seat", Some(Value::Count(1))), "value"),
        (reading("seat", said(" ")), "text"),
        (reading("active_member_count", said("97")), "value"),
        (reading("active_member_count", Some(Value::Count(-1))), "count"),
        (reading("origin", said("CO_OPTED")), "text"),
        (reading("seat", None), "value"),
        (common::Reading { sources: Vec::new(), ..reading("seat", said("Paris")) }, "sources"),
    ];
    for (reading, field) in refused {
        let fields = refused_network(|network| network.readings = vec![reading.clone()]);
        assert_eq!(fields, [format!("network.readings[0].{field}")], "{reading:?}");
    }
    let capital = |text| refused_member(|it| it.readings = vec![reading("capital", said(text))]);
    assert!(capital("true").is_empty());
    assert_eq!(capital("yes"), ["member.readings[0].text"]);
}

#[test]
fn an_interval_ends_on_or_after_its_date() {
    let until = |year, month, day| {
        let latest = Some(common::LatestDate { year, month, day });
        refused_network(|network| {
            network.founded = date(2018, 3, 0).map(|date| common::PartialDate { latest, ..date });
        })
    };
    assert!(until(2018, 0, 0).is_empty());
    assert!(until(2018, 3, 1).is_empty());
    assert_eq!(until(2018, 2, 28), ["network.founded.latest"]);
    assert_eq!(until(2019, 2, 29), ["network.founded.latest.day"]);
    assert_eq!(until(0, 0, 0), ["network.founded.latest.year"]);
}

#[test]
fn a_class_has_one_rule_and_is_offered() {
    let rule = |class| registry::ClassRule { class, eligibility: Some(Default::default()) };
    let refused = |classes: Vec<i32>, class_rules: Vec<registry::ClassRule>| {
        refused_network(|network| {
            let (classes, class_rules) = (classes.clone(), class_rules.clone());
            network.admission =
                Some(registry::Admission { classes, class_rules, ..Default::default() });
        })
    };
    assert!(refused(vec![1, 2], vec![rule(1), rule(2)]).is_empty());
    assert!(refused(Vec::new(), vec![rule(1)]).is_empty());
    assert_eq!(refused(vec![1], vec![rule(2)]), ["network.admission.class_rules"]);
    assert_eq!(refused(vec![], vec![rule(1), rule(1)]), ["network.admission.class_rules"]);
    let nobody = registry::ClassRule { eligibility: None, ..rule(1) };
    assert_eq!(refused(vec![], vec![nobody]), ["network.admission.class_rules[0].eligibility"]);
    let least =
        registry::Eligibility { min_population: 9, max_population: 8, ..Default::default() };
    let rule = registry::ClassRule { class: 1, eligibility: Some(least) };
    let field = "network.admission.class_rules[0].eligibility.max_population";
    assert_eq!(refused(vec![], vec![rule]), [field]);
}
