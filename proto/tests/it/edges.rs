//! Every main limit, at its edge: what just fits is accepted, one more is refused.

use hansa_proto::limits;
use hansa_proto::pb::feed::v1 as feed;
use hansa_proto::pb::registry::v1 as registry;
use hansa_proto::registry::Term;

use crate::violations::{
    name, refused, refused_campaign, refused_filter, refused_member, refused_network,
    refused_statement, source,
};

/// Runs with the limit and with one more; only the latter is refused, for this field.
fn edge(limit: usize, field: &str, refused_with: impl Fn(usize) -> Vec<String>) {
    assert_eq!(refused_with(limit), Vec::<String>::new(), "{field} with {limit}");
    assert_eq!(refused_with(limit + 1), [field], "{field} with {}", limit + 1);
}

/// So many characters, each of two bytes.
fn characters(count: usize) -> String {
    "é".repeat(count)
}

#[test]
fn texts_of_networks() {
    edge(limits::NAME_CHARACTERS, "network.names[0].text", |count| {
        refused_network(|network| network.names = vec![name(&characters(count))])
    });
    edge(limits::KIND_STATED_CHARACTERS, "network.kind_stated", |count| {
        refused_network(|network| network.kind_stated = characters(count))
    });
    edge(limits::SEAT_CHARACTERS, "network.seat", |count| {
        refused_network(|network| network.seat = characters(count))
    });
    edge(limits::NOTE_CHARACTERS, "network.note", |count| {
        refused_network(|network| network.note = characters(count))
    });
    edge(limits::THEME_CHARACTERS, "network.themes[0]", |count| {
        refused_network(|network| network.themes = vec![characters(count)])
    });
    edge(limits::ACTIVITY_CHARACTERS, "network.activities[0]", |count| {
        refused_network(|network| network.activities = vec![characters(count)])
    });
    edge(limits::FOUNDER_CHARACTERS, "network.founders[0]", |count| {
        refused_network(|network| network.founders = vec![characters(count)])
    });
    edge(limits::CITATION_CHARACTERS, "network.sources[0].citation", |count| {
        refused_network(|network| network.sources = vec![source(&characters(count))])
    });
    edge(limits::URI_CHARACTERS, "network.sources[0].uri", |count| {
        refused_network(|network| {
            let mut source = source("x");
            source.uri = format!("https://a/{}", characters(count - "https://a/".len()));
            network.sources = vec![source];
        })
    });
    edge(limits::RULES_CHARACTERS, "network.admission.rules_stated", |count| {
        refused_network(|network| {
            let rules_stated = characters(count);
            network.admission = Some(registry::Admission { rules_stated, ..Default::default() });
        })
    });
}

#[test]
fn lists_of_networks() {
    edge(limits::NAMES, "network.names", |count| {
        refused_network(|network| network.names = vec![name("A"); count])
    });
    edge(limits::THEMES, "network.themes", |count| {
        refused_network(|network| network.themes = vec!["a".to_owned(); count])
    });
    edge(limits::FOUNDERS, "network.sponsors", |count| {
        refused_network(|network| network.sponsors = vec!["a".to_owned(); count])
    });
    edge(limits::CONTRIBUTIONS, "network.contributions", |count| {
        refused_network(|network| {
            network.contributions = vec![registry::Contribution::default(); count];
        })
    });
    edge(limits::SOURCES, "network.sources", |count| {
        refused_network(|network| network.sources = vec![source("x"); count])
    });
    edge(limits::STATED_COUNTS, "network.stated_member_counts", |count| {
        refused_network(|network| {
            network.stated_member_counts = vec![Default::default(); count];
        })
    });
    edge(limits::COUNTRIES, "network.admission.eligibility.countries", |count| {
        refused_network(|network| {
            let countries = vec!["ES".to_owned(); count];
            let eligibility = registry::Eligibility { countries, ..Default::default() };
            let eligibility = Some(eligibility);
            network.admission = Some(registry::Admission { eligibility, ..Default::default() });
        })
    });
}

#[test]
fn members_and_terms() {
    edge(limits::POPULATIONS, "member.populations", |count| {
        refused_member(|member| member.populations = vec![Default::default(); count])
    });
    edge(limits::PREDECESSORS, "member.predecessors", |count| {
        refused_member(|member| {
            member.predecessors = (0..count).map(|one| format!("members/m{one}")).collect();
        })
    });
    edge(limits::ID_CHARACTERS, "member.name", |count| {
        refused_member(|member| member.name = format!("members/{}", "a".repeat(count)))
    });
    edge(limits::EXTERNAL_ID_CHARACTERS, "member.external_ids[0].value", |count| {
        let id = registry::ExternalId { scheme: 1, value: "1".repeat(count), ..Default::default() };
        refused_member(|member| member.external_ids = vec![id.clone()])
    });
    edge(limits::PART_SOURCES, "member.populations[0].sources", |count| {
        let sources = vec![source("x"); count];
        let population = registry::Population { sources, ..Default::default() };
        refused_member(|member| member.populations = vec![population.clone()])
    });
    let active = || registry::Term { state: 3, ..Default::default() };
    edge(limits::ROLES, "term.roles", |count| {
        let roles = vec![registry::Role { kind: 1, ..Default::default() }; count];
        refused(registry::Term { roles, ..active() }, Term::parse, "term")
    });
    edge(limits::GRADE_CHARACTERS, "term.grade", |count| {
        refused(registry::Term { grade: characters(count), ..active() }, Term::parse, "term")
    });
    edge(limits::REPRESENTATIVE_CHARACTERS, "term.representative", |count| {
        let representative = characters(count);
        refused(registry::Term { representative, ..active() }, Term::parse, "term")
    });
    edge(limits::REASON_CHARACTERS, "term.reason", |count| {
        refused(registry::Term { reason: characters(count), ..active() }, Term::parse, "term")
    });
}

#[test]
fn statements_and_campaigns() {
    edge(limits::TITLE_CHARACTERS, "statement.title", |count| {
        refused_statement(|statement| statement.title = characters(count))
    });
    edge(limits::SUMMARY_CHARACTERS, "statement.summary", |count| {
        refused_statement(|statement| statement.summary = characters(count))
    });
    edge(limits::BODY_BYTES, "statement.body", |bytes| {
        refused_statement(|statement| {
            statement.body = format!("{}{}", characters(bytes / 2), "a".repeat(bytes % 2));
        })
    });
    edge(limits::SHA256_BYTES, "statement.document_sha256", |bytes| {
        refused_statement(|statement| statement.document_sha256 = vec![7; bytes].into())
    });
    edge(limits::ISSUER_MEMBERS, "statement.issuer_members", |count| {
        refused_statement(|statement| {
            statement.issuer_members = (0..count).map(|one| format!("members/m{one}")).collect();
        })
    });
    edge(limits::SUPPORTERS, "statement.supporters", |count| {
        refused_statement(|statement| statement.supporters = vec!["a".to_owned(); count])
    });
    edge(limits::TARGET_CHARACTERS, "statement.target.name", |count| {
        refused_statement(|statement| {
            let name = characters(count);
            statement.target = Some(hansa_proto::pb::common::v1::Target { name, kind: 0 });
        })
    });
    edge(limits::DEMANDS, "campaign.demands", |count| {
        refused_campaign(|campaign| campaign.demands = vec!["a".to_owned(); count])
    });
    edge(limits::DEMAND_CHARACTERS, "campaign.demands[0]", |count| {
        refused_campaign(|campaign| campaign.demands = vec![characters(count)])
    });
    edge(limits::LEADS, "campaign.leads", |count| {
        refused_campaign(|campaign| campaign.leads = vec!["members/a".to_owned(); count])
    });
}

#[test]
fn filters() {
    edge(limits::FILTER_KINDS, "filter.kinds", |count| {
        refused_filter(feed::Filter { kinds: vec![1; count], ..Default::default() })
    });
    edge(limits::FILTER_NAMES, "filter.networks", |count| {
        let networks = (0..count).map(|one| format!("networks/n{one}")).collect();
        refused_filter(feed::Filter { networks, ..Default::default() })
    });
    edge(limits::COUNTRIES, "filter.countries", |count| {
        let countries = vec!["FR".to_owned(); count];
        refused_filter(feed::Filter { countries, ..Default::default() })
    });
    edge(limits::FILTER_THEMES, "filter.themes", |count| {
        let themes = vec!["a".to_owned(); count];
        refused_filter(feed::Filter { themes, ..Default::default() })
    });
}
