//! The data set that is built in.

/// File names and texts.
pub(crate) const TEXTS: [(&str, &str); 10] = [
    ("networks.csv", include_str!("../../../data/networks.csv")),
    ("members.csv", include_str!("../../../data/members.csv")),
    ("memberships.csv", include_str!("../../../data/memberships.csv")),
    ("network_relations.csv", include_str!("../../../data/network_relations.csv")),
    ("statements.jsonl", include_str!("../../../data/statements.jsonl")),
    ("campaigns.jsonl", include_str!("../../../data/campaigns.jsonl")),
    ("cooperations.jsonl", include_str!("../../../data/cooperations.jsonl")),
    ("readings.csv", include_str!("../../../data/readings.csv")),
    ("network_places.csv", include_str!("../../../data/network_places.csv")),
    ("literature.csv", include_str!("../../../data/literature.csv")),
];
