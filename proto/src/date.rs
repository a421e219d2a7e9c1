//! Dates as precise as their source: a year, a month of a year, or a day.

use std::fmt;
use std::str::FromStr;

use crate::fields::Fields;
use crate::limits::YEARS;
use crate::path::Path;
use crate::pb::common::v1 as pb;
use crate::violation::Violations;

/// A date the calendar has. Ordered by year, month and day; what is not known comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    year: i32,
    month: i32,
    day: i32,
}

impl PartialDate {
    /// A year, a month of it, and a day of that.
    pub fn new(year: i32, month: Option<i32>, day: Option<i32>) -> Result<PartialDate, String> {
        if month == Some(0) || day == Some(0) {
            return Err("has no month 0 and no day 0".to_owned());
        }
        let date = PartialDate { year, month: month.unwrap_or(0), day: day.unwrap_or(0) };
        match date.problem() {
            None => Ok(date),
            Some((field, problem)) => Err(format!("{field} {problem}")),
        }
    }

    /// The year.
    pub const fn year(self) -> i32 {
        self.year
    }

    /// The month, when it is known.
    pub const fn month(self) -> Option<i32> {
        if self.month == 0 { None } else { Some(self.month) }
    }

    /// The day of the month, when it is known.
    pub const fn day(self) -> Option<i32> {
        if self.day == 0 { None } else { Some(self.day) }
    }

    /// From a message of a request.
    pub fn parse(
        date: pb::PartialDate,
        field: &str,
        violations: &mut Violations,
    ) -> Option<PartialDate> {
        PartialDate::read(date, &mut Fields::new(&Path::root(field), violations))
    }

    /// As a message.
    pub const fn to_pb(self) -> pb::PartialDate {
        pb::PartialDate { year: self.year, month: self.month, day: self.day }
    }

    /// From the fields of a message within a request.
    pub fn read(date: pb::PartialDate, fields: &mut Fields<'_>) -> Option<PartialDate> {
        let date = PartialDate { year: date.year, month: date.month, day: date.day };
        let Some((field, problem)) = date.problem() else { return Some(date) };
        fields.refuse(field, problem);
        None
    }

    /// The first field that is wrong, and how.
    fn problem(self) -> Option<(&'static str, &'static str)> {
        if !YEARS.contains(&self.year) {
            return Some(("year", "must be 1 to 9999"));
        }
        if !(0..=12).contains(&self.month) {
            return Some(("month", "must be 1 to 12, or 0 for not known"));
        }
        if self.day == 0 {
            return None;
        }
        if self.month == 0 {
            return Some(("day", "must be 0 when the month is not known"));
        }
        if self.calendar().is_none() {
            return Some(("day", "must be a day that the month has, or 0 for not known"));
        }
        None
    }

    fn calendar(self) -> Option<jiff::civil::Date> {
        let year = i16::try_from(self.year).ok()?;
        let month = i8::try_from(self.month).ok()?;
        let day = i8::try_from(self.day).ok()?;
        jiff::civil::Date::new(year, month, day).ok()
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if self.month != 0 {
            write!(f, "-{:02}", self.month)?;
        }
        if self.day != 0 {
            write!(f, "-{:02}", self.day)?;
        }
        Ok(())
    }
}

/// A text that is not a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a date such as 2018, 2018-09 or 2018-09-26")]
pub struct NotADate {
    text: String,
}

impl FromStr for PartialDate {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<PartialDate, NotADate> {
        let not_a_date = || NotADate { text: text.to_owned() };
        let mut numbers = text.split('-').map(|part| part.parse::<i32>().ok());
        let year = numbers.next().flatten().ok_or_else(not_a_date)?;
        let date = match (numbers.next(), numbers.next(), numbers.next()) {
            (None, None, None) => PartialDate::new(year, None, None),
            (Some(Some(month)), None, None) => PartialDate::new(year, Some(month), None),
            (Some(Some(month)), Some(Some(day)), None) => {
                PartialDate::new(year, Some(month), Some(day))
            }
            _ => return Err(not_a_date()),
        };
        // Digits are counted by writing the date again: `2018-9` and `+2018` are not dates.
        date.ok().filter(|date| date.to_string() == text).ok_or_else(not_a_date)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn is_ordered_with_the_unknown_first() {
        let dates = ["2017-12-31", "2018", "2018-09", "2018-09-01", "2018-10", "2019"];
        let parsed: Vec<PartialDate> = dates.iter().map(|date| date.parse().unwrap()).collect();
        assert!(parsed.is_sorted_by(|one, next| one < next));
        let written: Vec<String> = parsed.iter().map(PartialDate::to_string).collect();
        assert_eq!(written, dates);
    }

    #[test]
    fn texts_have_one_form() {
        for text in ["", "18", "2018-9", "2018-09-", "+2018", "-2018", "2018-02-30", "2018-00"] {
            assert!(text.parse::<PartialDate>().is_err(), "{text}");
        }
        let first: PartialDate = "0001-01-01".parse().unwrap();
        assert_eq!((first.year(), first.month(), first.day()), (1, Some(1), Some(1)));
    }
}
