//! Dates as precise as their source: a year, a month of a year, a day, or an interval of these.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::fields::Fields;
use crate::limits::YEARS;
use crate::path::Path;
use crate::pb::common::v1 as pb;
use crate::violation::Violations;

/// A date the calendar has, or an interval: some time from the date to the latest, both included.
/// Ordered by the earliest: year, month and day, where what is not known comes first; then by the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    year: i32,
    month: i32,
    day: i32,
    latest: Option<LatestDate>,
}

/// The end of the interval in which something happened: a date the calendar has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LatestDate {
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
        let (month, day) = (month.unwrap_or(0), day.unwrap_or(0));
        match problem(year, month, day) {
            None => Ok(PartialDate { year, month, day, latest: None }),
            Some((field, problem)) => Err(format!("{field} {problem}")),
        }
    }

    /// Some time from this date to another one, which is not an interval itself.
    pub fn until(self, latest: PartialDate) -> Result<PartialDate, String> {
        let PartialDate { year, month, day, latest: end } = latest;
        if self.latest.is_some() || end.is_some() {
            return Err("an interval is between two dates, not between intervals".to_owned());
        }
        let latest = LatestDate { year, month, day };
        let interval = PartialDate { latest: Some(latest), ..self };
        if interval.latest() < interval.earliest() {
            return Err(BEFORE.to_owned());
        }
        Ok(interval)
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

    /// Whether only an interval is known.
    pub const fn is_interval(self) -> bool {
        self.latest.is_some()
    }

    /// The first day it may have been.
    pub fn earliest(self) -> Date {
        day(self.year, self.month.max(1), self.day.max(1)).expect("a date is one of the calendar")
    }

    /// The last day it may have been.
    pub fn latest(self) -> Date {
        let PartialDate { year, month, day, latest } = self;
        let own = LatestDate { year, month, day };
        latest.unwrap_or(own).last_day()
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
    pub fn to_pb(self) -> pb::PartialDate {
        let PartialDate { year, month, day, latest } = self;
        let latest = latest.map(|end| {
            let LatestDate { year, month, day } = end;
            pb::LatestDate { year, month, day }
        });
        pb::PartialDate { year, month, day, latest }
    }

    /// From the fields of a message within a request.
    pub fn read(date: pb::PartialDate, fields: &mut Fields<'_>) -> Option<PartialDate> {
        let pb::PartialDate { year, month, day, latest } = date;
        if let Some((field, problem)) = problem(year, month, day) {
            fields.refuse(field, problem);
        }
        let latest = fields.message("latest", latest, LatestDate::read);
        if fields.violated() {
            return None;
        }
        let date = PartialDate { year, month, day, latest };
        if date.latest() < date.earliest() {
            fields.refuse("latest", BEFORE);
            return None;
        }
        Some(date)
    }
}

impl LatestDate {
    fn read(date: pb::LatestDate, fields: &mut Fields<'_>) -> Option<LatestDate> {
        let pb::LatestDate { year, month, day } = date;
        let Some((field, problem)) = problem(year, month, day) else {
            return Some(LatestDate { year, month, day });
        };
        fields.refuse(field, problem);
        None
    }

    fn last_day(self) -> Date {
        let month = if self.month == 0 { 12 } else { self.month };
        let known = day(self.year, month, self.day.max(1)).expect("a date is one of the calendar");
        if self.day == 0 { known.last_of_month() } else { known }
    }
}

const BEFORE: &str = "must not be before the date itself";

/// The first field that is wrong, and how.
fn problem(year: i32, month: i32, of_month: i32) -> Option<(&'static str, &'static str)> {
    if !YEARS.contains(&year) {
        return Some(("year", "must be 1 to 9999"));
    }
    if !(0..=12).contains(&month) {
        return Some(("month", "must be 1 to 12, or 0 for not known"));
    }
    if of_month == 0 {
        return None;
    }
    if month == 0 {
        return Some(("day", "must be 0 when the month is not known"));
    }
    if day(year, month, of_month).is_none() {
        return Some(("day", "must be a day that the month has, or 0 for not known"));
    }
    None
}

fn day(year: i32, month: i32, day: i32) -> Option<Date> {
    let (year, month) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?);
    Date::new(year, month, i8::try_from(day).ok()?).ok()
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(self.year, self.month, self.day, f)?;
        let Some(LatestDate { year, month, day }) = self.latest else { return Ok(()) };
        f.write_str("..")?;
        write_parts(year, month, day, f)
    }
}

fn write_parts(year: i32, month: i32, day: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{year:04}")?;
    if month != 0 {
        write!(f, "-{month:02}")?;
    }
    if day != 0 {
        write!(f, "-{day:02}")?;
    }
    Ok(())
}

/// A text that is not a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a date such as 2018, 2018-09, 2018-09-26 or 2018..2019-03")]
pub struct NotADate {
    text: String,
}

impl FromStr for PartialDate {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<PartialDate, NotADate> {
        let date = match text.split_once("..") {
            None => one_date(text),
            Some((date, latest)) => one_date(date)
                .zip(one_date(latest))
                .and_then(|(date, latest)| date.until(latest).ok()),
        };
        date.ok_or_else(|| NotADate { text: text.to_owned() })
    }
}

fn one_date(text: &str) -> Option<PartialDate> {
    let mut numbers = text.split('-').map(|part| part.parse::<i32>().ok());
    let year = numbers.next().flatten()?;
    let date = match (numbers.next(), numbers.next(), numbers.next()) {
        (None, None, None) => PartialDate::new(year, None, None),
        (Some(Some(month)), None, None) => PartialDate::new(year, Some(month), None),
        (Some(Some(month)), Some(Some(day)), None) => {
            PartialDate::new(year, Some(month), Some(day))
        }
        _ => return None,
    };
    // Digits are counted by writing the date again: `2018-9` and `+2018` are not dates.
    date.ok().filter(|date| date.to_string() == text)
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
    fn an_interval_has_an_earliest_and_a_latest_day() {
        let cases = [
            ("2018-02-03", "2018-02-03", "2018-02-03"),
            ("2016-02", "2016-02-01", "2016-02-29"),
            ("9999", "9999-01-01", "9999-12-31"),
            ("2018..2019-03", "2018-01-01", "2019-03-31"),
            ("2018-05..2018", "2018-05-01", "2018-12-31"),
            ("2018-05-03..2018-05-03", "2018-05-03", "2018-05-03"),
        ];
        for (text, earliest, latest) in cases {
            let date: PartialDate = text.parse().unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(date.earliest().to_string(), earliest, "{text}");
            assert_eq!(date.latest().to_string(), latest, "{text}");
            assert_eq!(date.is_interval(), text.contains(".."), "{text}");
        }
        let refused = ["2019..2018", "2018-05-03..2018-04", "2018..", "..2018", "2018..2019..2020"];
        for text in refused {
            assert!(text.parse::<PartialDate>().is_err(), "{text}");
        }
    }

    #[test]
    fn intervals_are_ordered_by_the_earliest() {
        let dates = ["2017..2030", "2018", "2018..2019", "2018..2020", "2018-01..2018"];
        let parsed: Vec<PartialDate> = dates.iter().map(|date| date.parse().unwrap()).collect();
        assert!(parsed.is_sorted_by(|one, next| one < next));
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
