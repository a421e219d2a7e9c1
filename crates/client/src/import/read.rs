//! What the ten files look like. Only their form is read here; what the words mean is decided when
//! the import is planned.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{At, Problems};

/// The files of a data set.
pub const FILES: [&str; 10] = [
    NETWORKS,
    MEMBERS,
    MEMBERSHIPS,
    RELATIONS,
    STATEMENTS,
    CAMPAIGNS,
    COOPERATIONS,
    READINGS,
    PLACES,
    LITERATURE,
];

pub(super) const NETWORKS: &str = "networks.csv";
pub(super) const MEMBERS: &str = "members.csv";
pub(super) const MEMBERSHIPS: &str = "memberships.csv";
pub(super) const RELATIONS: &str = "network_relations.csv";
pub(super) const STATEMENTS: &str = "statements.jsonl";
pub(super) const CAMPAIGNS: &str = "campaigns.jsonl";
pub(super) const COOPERATIONS: &str = "cooperations.jsonl";
pub(super) const READINGS: &str = "readings.csv";
pub(super) const PLACES: &str = "network_places.csv";
pub(super) const LITERATURE: &str = "literature.csv";

/// Where a data set comes from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A directory with some or all of `FILES`; one that is missing counts as empty.
    Directory(&'a Path),
    /// Texts by file name.
    Texts(&'a [(&'a str, &'a str)]),
}

/// Why a data set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// None of the files is there.
    #[error("{} holds none of the files of a data set ({})", .0.display(), FILES.join(", "))]
    NoFiles(PathBuf),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Rows are wrong.
    #[error(transparent)]
    Rows(#[from] Problems),
}

/// A data set: the rows of the files, each with its place.
#[derive(Debug, Default)]
pub struct DataSet {
    pub(super) networks: Vec<Row<NetworkRow>>,
    pub(super) members: Vec<Row<MemberRow>>,
    pub(super) memberships: Vec<Row<MembershipRow>>,
    pub(super) relations: Vec<Row<RelationRow>>,
    pub(super) statements: Vec<Row<StatementRow>>,
    pub(super) campaigns: Vec<Row<CampaignRow>>,
    pub(super) cooperations: Vec<Row<CooperationRow>>,
    pub(super) readings: Vec<Row<ReadingRow>>,
    pub(super) places: Vec<Row<PlaceRow>>,
    pub(super) literature: Vec<Row<LiteratureRow>>,
}

/// A row and where it stands.
#[derive(Debug)]
pub(super) struct Row<T> {
    pub(super) at: At,
    pub(super) cells: T,
}

/// A row that has a key of its own.
trait Keyed {
    fn key(&self) -> String;
}

impl DataSet {
    /// Reads and parses the files. Every malformed row is reported, not only the first.
    pub fn read(source: Source<'_>) -> Result<Self, ReadError> {
        let texts = match source {
            Source::Directory(directory) => texts_of(directory)?,
            Source::Texts(texts) => {
                texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
            }
        };
        let text = |file: &str| texts.get(file).map_or("", String::as_str);
        let mut problems = Problems::default();
        let data_set = Self {
            networks: table(NETWORKS, text(NETWORKS), &mut problems),
            members: table(MEMBERS, text(MEMBERS), &mut problems),
            memberships: table(MEMBERSHIPS, text(MEMBERSHIPS), &mut problems),
            relations: table(RELATIONS, text(RELATIONS), &mut problems),
            statements: lines(STATEMENTS, text(STATEMENTS), &mut problems),
            campaigns: lines(CAMPAIGNS, text(CAMPAIGNS), &mut problems),
            cooperations: lines(COOPERATIONS, text(COOPERATIONS), &mut problems),
            readings: table(READINGS, text(READINGS), &mut problems),
            places: table(PLACES, text(PLACES), &mut problems),
            literature: table(LITERATURE, text(LITERATURE), &mut problems),
        };
        Ok(problems.finish(data_set)?)
    }
}

fn texts_of(directory: &Path) -> Result<HashMap<String, String>, ReadError> {
    let mut texts = HashMap::new();
    for file in FILES {
        let path = directory.join(file);
        match std::fs::read_to_string(&path) {
            Ok(text) => drop(texts.insert(file.to_owned(), text)),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ReadError::Unreadable { path, source }),
        }
    }
    match texts.is_empty() {
        true => Err(ReadError::NoFiles(directory.to_owned())),
        false => Ok(texts),
    }
}

fn table<T: DeserializeOwned + Keyed>(
    file: &'static str,
    text: &str,
    problems: &mut Problems,
) -> Vec<Row<T>> {
    let mut rows = Rows::new(file);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => {
            rows.refuse(1, error.to_string(), problems);
            return Vec::new();
        }
    };
    for record in reader.records() {
        let parsed = record.and_then(|record| {
            let line = record.position().map_or(0, csv::Position::line);
            Ok((line, record.deserialize(Some(&headers))?))
        });
        match parsed {
            Ok((line, cells)) => rows.take(line, cells, problems),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                rows.refuse(line, said_by_csv(&error), problems);
            }
        }
    }
    rows.rows
}

fn said_by_csv(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.kind().to_string(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} columns, the header has {expected_len}")
        }
        _ => error.to_string(),
    }
}

fn lines<T: DeserializeOwned + Keyed>(
    file: &'static str,
    text: &str,
    problems: &mut Problems,
) -> Vec<Row<T>> {
    let mut rows = Rows::new(file);
    for (line, text) in (1..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(text) {
            Ok(cells) => rows.take(line, cells, problems),
            Err(error) => rows.refuse(line, error.to_string(), problems),
        }
    }
    rows.rows
}

/// The rows of one file so far, each key once.
struct Rows<T> {
    file: &'static str,
    rows: Vec<Row<T>>,
    lines: HashMap<String, u64>,
}

impl<T: Keyed> Rows<T> {
    fn new(file: &'static str) -> Self {
        Self { file, rows: Vec::new(), lines: HashMap::new() }
    }

    fn take(&mut self, line: u64, cells: T, problems: &mut Problems) {
        let at = At { file: self.file, line, key: cells.key() };
        match self.lines.insert(at.key.clone(), line) {
            None => self.rows.push(Row { at, cells }),
            Some(first) => problems.push(&at, "", format!("the same key stands in line {first}")),
        }
    }

    fn refuse(&self, line: u64, problem: String, problems: &mut Problems) {
        problems.push(&At { file: self.file, line, key: String::new() }, "", problem);
    }
}

macro_rules! keyed {
    ($($row:ty => $($part:ident),+;)*) => {$(
        impl Keyed for $row {
            fn key(&self) -> String {
                [$(self.$part.as_str()),+].join(" ")
            }
        }
    )*};
}

keyed! {
    NetworkRow => network_id;
    MemberRow => member_id;
    MembershipRow => membership_id;
    RelationRow => from_network_id, relation, to_network_id;
    StatementRow => statement_id;
    CampaignRow => campaign_id;
    CooperationRow => event_id;
    ReadingRow => resource, field, value;
    PlaceRow => network_id;
    LiteratureRow => key;
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkRow {
    pub(super) network_id: String,
    pub(super) name: String,
    pub(super) acronym: String,
    pub(super) kind: String,
    pub(super) front_type: String,
    pub(super) scale: String,
    pub(super) origin: String,
    pub(super) scope: String,
    pub(super) themes: String,
    pub(super) activities: String,
    pub(super) founded: String,
    pub(super) founded_precision: String,
    pub(super) ended: String,
    pub(super) ended_precision: String,
    pub(super) founder: String,
    pub(super) sponsor: String,
    pub(super) parent_network_id: String,
    pub(super) seat: String,
    pub(super) member_count: String,
    pub(super) member_count_date: String,
    pub(super) member_count_date_precision: String,
    pub(super) membership_rules: String,
    pub(super) status: String,
    pub(super) literature: String,
    pub(super) note: String,
    pub(super) source: String,
    pub(super) source_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberRow {
    pub(super) member_id: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) country: String,
    pub(super) country_m49: String,
    pub(super) m49_region_code: String,
    pub(super) m49_region: String,
    pub(super) m49_subregion_code: String,
    pub(super) m49_subregion: String,
    pub(super) m49_intermediate_code: String,
    pub(super) m49_intermediate: String,
    pub(super) latitude: String,
    pub(super) longitude: String,
    pub(super) geonames_id: String,
    pub(super) geonames_name: String,
    pub(super) population: String,
    pub(super) literature: String,
    pub(super) note: String,
    pub(super) source: String,
    pub(super) source_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MembershipRow {
    pub(super) membership_id: String,
    pub(super) member_id: String,
    pub(super) network_id: String,
    pub(super) class: String,
    pub(super) role: String,
    pub(super) grade: String,
    pub(super) representative: String,
    pub(super) joined: String,
    pub(super) joined_precision: String,
    pub(super) left: String,
    pub(super) left_precision: String,
    pub(super) as_of: String,
    pub(super) as_of_precision: String,
    pub(super) status: String,
    pub(super) note: String,
    pub(super) source: String,
    pub(super) source_url: String,
    pub(super) other_sources: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationRow {
    pub(super) from_network_id: String,
    pub(super) relation: String,
    pub(super) to_network_id: String,
    pub(super) since: String,
    pub(super) since_precision: String,
    pub(super) note: String,
    pub(super) source: String,
    pub(super) source_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementRow {
    pub(super) statement_id: String,
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) published: Option<String>,
    pub(super) published_precision: String,
    pub(super) issuer_network_id: Option<String>,
    pub(super) authors: Option<String>,
    pub(super) signatories: Vec<String>,
    pub(super) signatory_count_stated: Option<i64>,
    pub(super) target: Option<String>,
    pub(super) target_kind: Option<String>,
    pub(super) supporters: Vec<String>,
    pub(super) themes: Vec<String>,
    pub(super) campaign_id: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) note: Option<String>,
    pub(super) literature: Option<String>,
    pub(super) source: String,
    pub(super) source_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CampaignRow {
    pub(super) campaign_id: String,
    pub(super) title: String,
    pub(super) kind: String,
    pub(super) front_type: Option<String>,
    pub(super) network_id: Option<String>,
    pub(super) started: Option<String>,
    pub(super) started_precision: String,
    pub(super) ended: Option<String>,
    pub(super) ended_precision: String,
    pub(super) status: String,
    pub(super) leads: Vec<String>,
    pub(super) participants: Vec<String>,
    pub(super) supporters: Vec<String>,
    pub(super) target: Option<String>,
    pub(super) target_kind: Option<String>,
    pub(super) demands: Vec<String>,
    pub(super) themes: Vec<String>,
    pub(super) summary: Option<String>,
    pub(super) note: Option<String>,
    pub(super) literature: Option<String>,
    pub(super) source: String,
    pub(super) source_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CooperationRow {
    pub(super) event_id: String,
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) date: Option<String>,
    pub(super) date_precision: String,
    pub(super) ended: Option<String>,
    pub(super) ended_precision: String,
    pub(super) givers: Vec<String>,
    pub(super) receivers: Vec<String>,
    pub(super) giver_networks: Vec<String>,
    pub(super) amount_eur: Option<i64>,
    pub(super) partners: Vec<String>,
    pub(super) themes: Vec<String>,
    pub(super) summary: Option<String>,
    pub(super) source: String,
    pub(super) source_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadingRow {
    pub(super) resource: String,
    pub(super) field: String,
    pub(super) value: String,
    pub(super) value_precision: String,
    pub(super) note: String,
    pub(super) source: String,
    pub(super) source_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceRow {
    pub(super) network_id: String,
    pub(super) countries: String,
    pub(super) m49_regions: String,
    pub(super) source: String,
    pub(super) source_url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiteratureRow {
    pub(super) key: String,
    pub(super) source: String,
    pub(super) source_url: String,
}
