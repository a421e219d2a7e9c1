//! What the rows say: who belongs to what, how, since when, and on which line it stands.

use hansa_proto::pb::common::v1 as common;
use hansa_proto::pb::registry::v1 as pb;

use super::layout::{Layout, Part};
use super::{Sheet, SheetRow, Trouble, cells};

/// One membership as a row states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// File and line.
    pub at: String,
    /// Names it in an import: the line, and the column in a wide sheet.
    pub key: String,
    /// The member's cell.
    pub member: String,
    /// What is known of the member.
    pub clue: pb::MemberClue,
    /// The network's cell, or the header of its column.
    pub network: String,
    /// What is stated of the membership.
    pub term: pb::Term,
}

/// What a sheet says.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Row by row.
    pub observations: Vec<Observation>,
    /// Rows that cannot be read.
    pub troubles: Vec<Trouble>,
}

/// Reads a sheet by a layout. What cannot be read is told, and left out.
pub fn observe(sheet: &Sheet, layout: &Layout) -> Observed {
    let mut observations = Vec::new();
    let mut troubles = sheet.troubles.clone();
    if layout.index(sheet, Part::Member).is_none() {
        let headers = sheet.columns.join("`, `");
        let problem = format!(
            "there is no column of members among `{headers}`: name one with `--column member=HEADER`"
        );
        troubles.push(Trouble { at: sheet.file.clone(), problem });
        return Observed { observations, troubles };
    }
    for row in &sheet.rows {
        let reader = Reader { sheet, layout, row };
        let read = if layout.wide { reader.wide() } else { reader.long().map(Vec::from_iter) };
        match read {
            Ok(read) => observations.extend(read),
            Err(problem) => troubles.push(Trouble { at: sheet.at(row), problem }),
        }
    }
    Observed { observations, troubles }
}

/// A problem with the column it is in.
fn of_column<T>(part: Part, read: Result<T, String>) -> Result<T, String> {
    read.map_err(|problem| format!("{}: {problem}", part.as_str()))
}

struct Reader<'a> {
    sheet: &'a Sheet,
    layout: &'a Layout,
    row: &'a SheetRow,
}

impl Reader<'_> {
    fn cell(&self, part: Part) -> &str {
        let index = self.layout.index(self.sheet, part);
        index.map(|index| self.row.cell(index)).unwrap_or_default()
    }

    /// A cell in words of the source, blanks and all.
    fn text(&self, part: Part) -> String {
        let index = self.layout.index(self.sheet, part);
        index.map(|index| self.row.text(index)).unwrap_or_default().to_owned()
    }

    /// A row of a long sheet; nothing when its grade says that it does not belong.
    fn long(&self) -> Result<Option<Observation>, String> {
        let member = self.member()?;
        let network = match (&self.layout.snapshot, &self.layout.network) {
            (Some(snapshot), _) => snapshot.network.to_string(),
            (None, Some(network)) => network.to_string(),
            (None, None) => self.cell(Part::Network).to_owned(),
        };
        if network.is_empty() {
            return Err("there is no network: name one with `--network`, or a column".to_owned());
        }
        let grade = self.cell(Part::Grade);
        let Some(term) = self.term(grade)? else { return Ok(None) };
        Ok(Some(Observation {
            at: self.sheet.at(self.row),
            key: format!("line-{}", self.row.line),
            clue: self.clue(&member)?,
            member,
            network,
            term,
        }))
    }

    /// A row of a wide sheet: what each column of a network says.
    fn wide(&self) -> Result<Vec<Observation>, String> {
        let member = self.member()?;
        let clue = self.clue(&member)?;
        let mut observations = Vec::new();
        for index in self.layout.network_columns(self.sheet) {
            let cell = self.row.cell(index);
            let header = &self.sheet.columns[index];
            let term = self.term(cell).map_err(|problem| format!("{header}: {problem}"))?;
            observations.extend(term.map(|term| Observation {
                at: self.sheet.at(self.row),
                key: format!("line-{}.{}", self.row.line, index + 1),
                member: member.clone(),
                clue: clue.clone(),
                network: header.clone(),
                term,
            }));
        }
        Ok(observations)
    }

    fn member(&self) -> Result<String, String> {
        match self.cell(Part::Member) {
            "" => Err("there is no member".to_owned()),
            member => Ok(member.to_owned()),
        }
    }

    fn clue(&self, member: &str) -> Result<pb::MemberClue, String> {
        let schemes = [
            (Part::Geonames, pb::ExternalIdScheme::Geonames),
            (Part::Wikidata, pb::ExternalIdScheme::Wikidata),
            (Part::UnLocode, pb::ExternalIdScheme::UnLocode),
        ];
        let ids = schemes.into_iter().filter(|(part, _)| !self.cell(*part).is_empty());
        let external_ids = ids
            .map(|(part, scheme)| pb::ExternalId {
                scheme: scheme.into(),
                value: self.cell(part).to_owned(),
                label: String::new(),
            })
            .collect();
        let point = match (self.cell(Part::Latitude), self.cell(Part::Longitude)) {
            ("", "") => None,
            (latitude, longitude) => {
                let degrees = |part, text: &str| {
                    of_column(part, text.parse().map_err(|_| format!("`{text}` is not a number")))
                };
                let latitude = degrees(Part::Latitude, latitude)?;
                let longitude = degrees(Part::Longitude, longitude)?;
                Some(common::GeoPoint { latitude, longitude })
            }
        };
        let country = self.cell(Part::Country).to_ascii_uppercase();
        Ok(pb::MemberClue { name: member.to_owned(), country, external_ids, point })
    }

    /// What a row states, its grade standing in a cell of its own; nothing when it does not belong.
    fn term(&self, grade: &str) -> Result<Option<pb::Term>, String> {
        let date = |part| of_column(part, cells::date(self.cell(part)));
        let word =
            |part, read: fn(&str) -> Result<i32, String>| of_column(part, read(self.cell(part)));
        let mut term = pb::Term {
            state: word(Part::State, cells::state)?,
            class: word(Part::Class, cells::class)?,
            roles: of_column(Part::Roles, cells::roles(self.cell(Part::Roles)))?,
            representative: self.text(Part::Representative),
            applied: date(Part::Applied)?,
            invited: date(Part::Invited)?,
            council_voted: date(Part::CouncilVoted)?,
            charter_signed: date(Part::CharterSigned)?,
            joined: date(Part::Joined)?,
            left: date(Part::Left)?,
            as_of: date(Part::AsOf)?,
            end_reason: word(Part::EndReason, cells::end_reason)?,
            reason: self.text(Part::Reason),
            note: self.text(Part::Note),
            sources: of_column(Part::Sources, cells::sources(self.cell(Part::Sources)))?,
            ..pb::Term::default()
        };
        if !self.graded(grade, &mut term)? {
            return Ok(None);
        }
        self.completed(&mut term)?;
        Ok(Some(term))
    }

    /// Reads the grade into the term; false when who has it does not belong.
    fn graded(&self, cell: &str, term: &mut pb::Term) -> Result<bool, String> {
        let plain = super::Grades::yes_or_no();
        let grades = match &self.layout.grades {
            Some(grades) => grades,
            None if self.layout.wide => &plain,
            None => {
                term.grade = self.text(Part::Grade);
                return Ok(true);
            }
        };
        let grade = grades.of(cell).ok_or_else(|| format!("`{cell}` is no grade of the scheme"))?;
        term.grade = grade.text.clone();
        if let Some(class) = grade.class {
            term.class = class.to_pb();
        }
        let roles = grade.roles.iter().map(|kind| kind.to_pb());
        term.roles.extend(roles.map(|kind| pb::Role { kind, stated: String::new() }));
        Ok(grade.belongs)
    }

    /// What the layout says where the row does not.
    fn completed(&self, term: &mut pb::Term) -> Result<(), String> {
        if term.state == 0 {
            let ended = term.left.is_some() || term.end_reason != 0;
            let state =
                if ended { pb::MembershipState::Ended } else { pb::MembershipState::Active };
            term.state = state.into();
        }
        let date = self.layout.snapshot.as_ref().map(|it| it.date).or(self.layout.as_of);
        if let (None, Some(date)) = (&term.as_of, date) {
            term.as_of = Some(date.to_pb());
        }
        if let (true, Some(source)) = (term.sources.is_empty(), &self.layout.source) {
            let note = match source.note.is_empty() {
                true => self.sheet.at(self.row),
                false => format!("{}; {}", source.note, self.sheet.at(self.row)),
            };
            term.sources.push(common::Source { note, ..source.clone() });
        }
        match term.sources.is_empty() {
            true => Err("nobody says so: name a source with `--source`, or a column".to_owned()),
            false => Ok(()),
        }
    }
}
