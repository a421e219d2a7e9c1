//! Which column says what. A column is found by its header, or by the header one names for it.

use hansa_proto::date::PartialDate;
use hansa_proto::ids::NetworkId;
use hansa_proto::pb::common::v1::Source;

use super::{Grades, Sheet};

macro_rules! parts {
    ($($(#[$doc:meta])* $part:ident = $name:literal),* $(,)?) => {
        /// What a column can say.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Part { $($(#[$doc])* $part),* }

        impl Part {
            /// All of them, in the order in which tables are written.
            pub const ALL: &'static [Part] = &[$(Part::$part),*];

            /// Its usual header.
            pub const fn as_str(self) -> &'static str {
                match self { $(Part::$part => $name),* }
            }
        }
    };
}

parts! {
    /// The network: its id, its name or letters that stand for it.
    Network = "network",
    /// The member: its id or a name.
    Member = "member",
    /// Country of the member, two or three letters.
    Country = "country",
    /// GeoNames id of the member.
    Geonames = "geonames",
    /// Wikidata id of the member.
    Wikidata = "wikidata",
    /// UN/LOCODE of the member.
    UnLocode = "un_locode",
    /// Degrees north.
    Latitude = "latitude",
    /// Degrees east.
    Longitude = "longitude",
    /// State of the term; without it a term that has `left` is ended, and any other active.
    State = "state",
    /// Class.
    Class = "class",
    /// Roles with `;` between them, each a kind, or a kind, `=` and the source's words; or as JSON:
    /// `[{"kind": …, "stated": …}]`.
    Roles = "roles",
    /// Grade; with a scheme of grades it says class and roles too.
    Grade = "grade",
    /// Representative.
    Representative = "representative",
    /// When it applied.
    Applied = "applied",
    /// When it was invited.
    Invited = "invited",
    /// When its council voted.
    CouncilVoted = "council_voted",
    /// When it signed the charter.
    CharterSigned = "charter_signed",
    /// When it joined.
    Joined = "joined",
    /// When it left.
    Left = "left",
    /// For when this is stated.
    AsOf = "as_of",
    /// Why it ended.
    EndReason = "end_reason",
    /// Why, in words.
    Reason = "reason",
    /// Note.
    Note = "note",
    /// Sources as JSON: `[{"citation": …, "uri": …, "note": …}]`.
    Sources = "sources",
}

impl Part {
    /// The part of a usual header.
    pub fn parse(text: &str) -> Result<Part, String> {
        Part::ALL.iter().copied().find(|part| part.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Part::ALL.iter().map(|part| part.as_str()).collect();
            format!("there is no column `{text}`; there are {}", known.join(", "))
        })
    }
}

/// A file that lists the members of one network on a day, all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The network.
    pub network: NetworkId,
    /// The day.
    pub date: PartialDate,
    /// The day of the snapshot before, when there was one: who is new joined in between, and who is
    /// missing left in between.
    pub previous: Option<PartialDate>,
}

/// How a sheet is read.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Headers of parts that are not called as usual.
    pub columns: Vec<(Part, String)>,
    /// One column for each network instead of one row for each membership.
    pub wide: bool,
    /// Columns to leave aside in a wide sheet.
    pub ignored: Vec<String>,
    /// Headers of networks that are not called as in the registry.
    pub networks: Vec<(String, NetworkId)>,
    /// What a cell or a grade means.
    pub grades: Option<Grades>,
    /// Every row is of this network.
    pub network: Option<NetworkId>,
    /// For when rows state what they state, where they do not say.
    pub as_of: Option<PartialDate>,
    /// Who says so, where rows do not say.
    pub source: Option<Source>,
    /// The file is one of several of the same network.
    pub snapshot: Option<Snapshot>,
}

impl Layout {
    /// A long sheet with the usual headers.
    pub fn long() -> Layout {
        Layout {
            columns: Vec::new(),
            wide: false,
            ignored: Vec::new(),
            networks: Vec::new(),
            grades: None,
            network: None,
            as_of: None,
            source: None,
            snapshot: None,
        }
    }

    /// Where a part stands in a sheet.
    pub(super) fn index(&self, sheet: &Sheet, part: Part) -> Option<usize> {
        let named = self.columns.iter().find(|(named, _)| *named == part);
        let header = named.map_or(part.as_str(), |(_, header)| header);
        let same = |column: &String| column.eq_ignore_ascii_case(header);
        sheet.columns.iter().position(same)
    }

    /// Columns of a wide sheet that are of networks.
    pub(super) fn network_columns(&self, sheet: &Sheet) -> Vec<usize> {
        let parts: Vec<usize> =
            Part::ALL.iter().filter_map(|part| self.index(sheet, *part)).collect();
        let ignored =
            |header: &String| self.ignored.iter().any(|it| it.eq_ignore_ascii_case(header));
        let columns = sheet.columns.iter().enumerate();
        columns
            .filter(|(index, header)| {
                !parts.contains(index) && !ignored(header) && !header.is_empty()
            })
            .map(|(index, _)| index)
            .collect()
    }
}
