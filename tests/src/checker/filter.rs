//! What a filter takes, by the words of the contract: values of a field OR-ed, fields AND-ed, an empty
//! field takes all; an event is held against what it is found by after it and before it together;
//! withdrawals pass the kinds unless they are excluded.

use hansa_proto::pb::feed::v1::{Event, EventKind, Filter};

/// Kinds that pass the field `kinds` whatever it says.
fn is_withdrawal(event: &Event) -> bool {
    let kind = event.kind();
    kind == EventKind::StatementCorrected
        || kind == EventKind::StatementRetracted
        || kind.as_str_name() == "EVENT_KIND_STATEMENT_REDACTED"
}

/// What something is found by.
#[derive(Clone, Debug, Default)]
pub(super) struct FoundBy {
    pub(super) networks: Vec<String>,
    pub(super) members: Vec<String>,
    pub(super) countries: Vec<String>,
    pub(super) themes: Vec<String>,
    pub(super) campaign: String,
}

impl FoundBy {
    fn of(event: &Event) -> FoundBy {
        let mut found_by = FoundBy {
            networks: vec![event.network.clone()],
            members: event.members.clone(),
            countries: event.countries.clone(),
            themes: event.themes.clone(),
            campaign: event.campaign.clone(),
        };
        if let Some(former) = &event.former {
            found_by.networks.push(former.network.clone());
            found_by.members.extend(former.members.iter().cloned());
            found_by.countries.extend(former.countries.iter().cloned());
            found_by.themes.extend(former.themes.iter().cloned());
        }
        found_by
    }
}

/// Whether a subscriber with this filter wants this event.
pub fn matches(filter: &Filter, event: &Event) -> bool {
    let kind = filter.kinds.is_empty()
        || filter.kinds.contains(&event.kind)
        || (is_withdrawal(event) && !filter.exclude_withdrawals);
    kind && matches_state(filter, &FoundBy::of(event))
}

/// Whether a resource that is found by this is wanted: kinds say which changes come, not what there is.
pub(super) fn matches_state(filter: &Filter, found_by: &FoundBy) -> bool {
    let any = |wanted: &[String], values: &[String]| {
        wanted.is_empty() || values.iter().any(|value| wanted.contains(value))
    };
    let lower = |values: &[String]| -> Vec<String> {
        values.iter().map(|value| value.to_lowercase()).collect()
    };
    any(&filter.networks, &found_by.networks)
        && any(&filter.campaigns, std::slice::from_ref(&found_by.campaign))
        && any(&filter.members, &found_by.members)
        && any(&filter.countries, &found_by.countries)
        && any(&lower(&filter.themes), &lower(&found_by.themes))
}
