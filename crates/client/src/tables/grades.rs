//! What a grade means. A scheme is data: for every grade a class, roles, and the words kept as the
//! term's `grade`, so that what a source says is never lost in what it is taken to mean.

use std::str::FromStr;

use hansa_proto::pb::registry::v1 as pb;
use hansa_proto::registry::{MembershipClass, RoleKind};

use super::{Sheet, TableError};

/// What one grade means.
#[derive(Clone, Debug, PartialEq)]
pub struct Grade {
    /// The cell.
    pub cell: String,
    /// False: whoever has it does not belong.
    pub belongs: bool,
    /// Class, when the grade says one.
    pub class: Option<MembershipClass>,
    /// Roles the grade says.
    pub roles: Vec<RoleKind>,
    /// Kept as the term's `grade`.
    pub text: String,
}

/// A scheme of grades.
#[derive(Clone, Debug, PartialEq)]
pub struct Grades(Vec<Grade>);

/// Cells that say yes and no where there is no scheme.
const YES: [&str; 5] = ["1", "yes", "true", "x", "member"];
const NO: [&str; 6] = ["", "0", "no", "false", "-", "n/a"];

impl Grades {
    /// Belongs, or does not.
    pub fn yes_or_no() -> Grades {
        let grade = |cell: &&str, belongs| Grade {
            cell: (*cell).to_owned(),
            belongs,
            class: None,
            roles: Vec::new(),
            text: String::new(),
        };
        let no = NO.iter().map(|cell| grade(cell, false));
        Grades(YES.iter().map(|cell| grade(cell, true)).chain(no).collect())
    }

    /// The membership grades of quentin.city: 1 observer, 2 full, 3 privileged; one more for a founder,
    /// two more for a host.
    pub fn quentin() -> Grades {
        use RoleKind::{Founder, Host};
        let grade = |cell: &str, belongs, class, roles: &[RoleKind], text: &str| Grade {
            cell: cell.to_owned(),
            belongs,
            class,
            roles: roles.to_vec(),
            text: text.to_owned(),
        };
        let full = Some(MembershipClass::Full);
        Grades(vec![
            grade("", false, None, &[], ""),
            grade("0", false, None, &[], ""),
            grade("1", true, Some(MembershipClass::Observer), &[], "1 (observer)"),
            grade("2", true, full, &[], "2 (full)"),
            grade("3", true, full, &[], "3 (privileged)"),
            grade("4", true, full, &[Founder], "4 (privileged, founder)"),
            grade("5", true, full, &[Host], "5 (privileged, host)"),
            grade("6", true, full, &[Founder, Host], "6 (privileged, founder, host)"),
        ])
    }

    /// A scheme by its name, when there is one of that name.
    pub fn named(name: &str) -> Option<Grades> {
        match name {
            "yes-or-no" => Some(Grades::yes_or_no()),
            "quentin" => Some(Grades::quentin()),
            _ => None,
        }
    }

    /// A scheme from a sheet with the columns `grade`, `class`, `roles` and `text`. The class `none`
    /// means that whoever has the grade does not belong; roles stand with `;` between them.
    pub fn of_sheet(sheet: &Sheet) -> Result<Grades, TableError> {
        let sheet = sheet.whole()?;
        let column = |name: &str| sheet.columns.iter().position(|column| column == name);
        let mut grades = Vec::new();
        for row in &sheet.rows {
            let malformed = |problem: String| TableError::Malformed { at: sheet.at(row), problem };
            let text = |name: &str| column(name).map(|index| row.cell(index)).unwrap_or_default();
            let class = match text("class") {
                "" | "none" => None,
                word => {
                    Some(MembershipClass::from_str(word).map_err(|e| malformed(e.to_string()))?)
                }
            };
            let roles = text("roles").split(';').map(str::trim).filter(|word| !word.is_empty());
            let roles = roles
                .map(|word| RoleKind::from_str(word).map_err(|error| malformed(error.to_string())))
                .collect::<Result<_, _>>()?;
            grades.push(Grade {
                cell: text("grade").to_owned(),
                belongs: text("class") != "none",
                class,
                roles,
                text: text("text").to_owned(),
            });
        }
        if grades.is_empty() {
            let problem = "a scheme of grades has at least one grade".to_owned();
            return Err(TableError::Malformed { at: sheet.file.clone(), problem });
        }
        Ok(Grades(grades))
    }

    /// What a cell means; case does not matter.
    pub fn of(&self, cell: &str) -> Option<&Grade> {
        self.0.iter().find(|grade| grade.cell.eq_ignore_ascii_case(cell))
    }

    /// The cell of a term: the grade that has its words, or else its class and roles.
    pub fn cell_of(&self, term: &pb::Term) -> Option<&str> {
        let roles: Vec<i32> = term.roles.iter().map(|role| role.kind).collect();
        let belonging = || self.0.iter().filter(|grade| grade.belongs);
        let same_text = belonging().find(|it| !it.text.is_empty() && it.text == term.grade);
        let says = |grade: &&Grade| {
            let class = grade.class.map_or(0, MembershipClass::to_pb);
            let expected: Vec<i32> = grade.roles.iter().map(|role| role.to_pb()).collect();
            class == term.class && expected == roles
        };
        let plain = |grade: &&Grade| grade.class.is_none() && grade.roles.is_empty();
        same_text
            .or_else(|| belonging().find(says))
            .or_else(|| belonging().find(plain))
            .map(|grade| grade.cell.as_str())
    }
}
