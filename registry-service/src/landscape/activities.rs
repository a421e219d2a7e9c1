//! What networks do, in the categories of Lacroix 2021, Graph 1: which words of a source mean which.
//!
//! A text counts in every category one of whose words it holds, and under other words when it holds none.

/// A category of activities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Activity {
    /// Exchange of knowledge and best practices.
    Knowledge,
    /// Awareness campaigns.
    Campaigns,
    /// Weighing on national, European or international policy.
    Lobbying,
    /// Orientation of local policies.
    Guidance,
    /// Charters that members sign and labels they receive.
    Charters,
    /// Money for projects.
    Funding,
    /// Anything else.
    Other,
}

/// Words, in small letters, and what they mean. Parts of words count: `declaration` is in
/// `declarations`.
const WORDS: [(Activity, &[&str]); 6] = [
    (
        Activity::Knowledge,
        &[
            "best practice",
            "case stud",
            "conference",
            "exchange",
            "expert visit",
            "gathering",
            "index",
            "knowledge",
            "listing",
            "mapping",
            "meeting",
            "peer learning",
            "profile",
            "publication",
            "research",
            "roundtable",
            "seminar",
            "summit",
            "training",
            "webinar",
            "working group",
            "working unit",
        ],
    ),
    (Activity::Campaigns, &["anti-rumour", "awareness", "campaign", "celebration"]),
    (
        Activity::Lobbying,
        &[
            "advocacy",
            "declaration",
            "joint letter",
            "lobbying",
            "manifesto",
            "position paper",
            "representation",
            "statement",
        ],
    ),
    (
        Activity::Guidance,
        &[
            "action plan",
            "guidance",
            "plan of action",
            "recommended action",
            "strategy",
            "support to cities",
            "technical assistance",
        ],
    ),
    (
        Activity::Charters,
        &["accreditation", "certification", "charter", "label", "pledge", "standard"],
    ),
    (Activity::Funding, &["donation", "fund", "grant"]),
];

impl Activity {
    /// All, in the order of the table.
    pub(crate) const ALL: [Activity; 7] = [
        Activity::Knowledge,
        Activity::Campaigns,
        Activity::Lobbying,
        Activity::Guidance,
        Activity::Charters,
        Activity::Funding,
        Activity::Other,
    ];

    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Activity::Knowledge => "knowledge and best practices",
            Activity::Campaigns => "awareness campaigns",
            Activity::Lobbying => "lobbying",
            Activity::Guidance => "guidance to local policies",
            Activity::Charters => "charters and labels",
            Activity::Funding => "funding",
            Activity::Other => "other",
        }
    }

    /// Categories of a source's words.
    pub(crate) fn of(stated: &str) -> Vec<Activity> {
        let stated = stated.to_lowercase();
        let meant = WORDS.iter().filter(|(_, words)| words.iter().any(|it| stated.contains(it)));
        let found: Vec<Activity> = meant.map(|(activity, _)| *activity).collect();
        match found.is_empty() {
            true => vec![Activity::Other],
            false => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_sources_are_understood() {
        let cases: [(&str, &[Activity]); 9] = [
            ("Knowledge exchange", &[Activity::Knowledge]),
            ("platform of best practices", &[Activity::Knowledge]),
            ("anti-rumour communication", &[Activity::Campaigns]),
            ("declarations to the state", &[Activity::Lobbying]),
            ("guidance to members", &[Activity::Guidance]),
            ("charter on migration", &[Activity::Charters]),
            ("project funding", &[Activity::Funding]),
            ("lobbying and training", &[Activity::Knowledge, Activity::Lobbying]),
            ("women centre", &[Activity::Other]),
        ];
        for (stated, meant) in cases {
            assert_eq!(Activity::of(stated), meant, "{stated}");
        }
    }

    #[test]
    fn no_word_stands_twice() {
        let mut words: Vec<&str> = WORDS.iter().flat_map(|(_, words)| *words).copied().collect();
        words.sort_unstable();
        let count = words.len();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
