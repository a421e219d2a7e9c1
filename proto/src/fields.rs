//! Reads the fields of one message, or of a request itself: each method takes a field by name and reports what is wrong with
//! it. What a method returns after a report does not matter: the message is refused as a whole. Of a
//! list that is too long only as much is looked at as there may be.

use crate::date::PartialDate;
use crate::path::Path;
use crate::pb::common::v1 as common;
use crate::text;
use crate::violation::Violations;

/// The fields of a message, and where to report.
pub struct Fields<'a> {
    at: &'a Path<'a>,
    violations: &'a mut Violations,
    before: usize,
}

impl<'a> Fields<'a> {
    /// Of a request itself: paths begin with the names of these fields.
    pub fn of_request(violations: &'a mut Violations) -> Fields<'a> {
        static REQUEST: Path<'static> = Path::root("");
        Fields::new(&REQUEST, violations)
    }

    /// Of the message at a path.
    pub(crate) fn new(at: &'a Path<'a>, violations: &'a mut Violations) -> Fields<'a> {
        let before = violations.len();
        Fields { at, violations, before }
    }

    /// Whether anything was reported since these fields are read.
    pub fn violated(&self) -> bool {
        self.violations.len() > self.before
    }

    /// Reports a field.
    pub fn refuse(&mut self, name: &str, problem: impl Into<String>) {
        self.violations.push(self.at.field(name).to_string(), problem);
    }

    /// A name or title: required, one line, not blank, without white space around it.
    pub fn title(&mut self, name: &str, text: String, limit: usize) -> String {
        self.check(name, text, |text| text::title(text, limit))
    }

    /// One line of text that may be empty.
    pub fn line(&mut self, name: &str, text: String, limit: usize) -> String {
        self.check(name, text, |text| text::line(text, limit))
    }

    /// Text of any number of lines that may be empty.
    pub fn prose(&mut self, name: &str, text: String, limit: usize) -> String {
        self.check(name, text, |text| text::prose(text, limit))
    }

    /// As [`Fields::prose`], bounded in bytes.
    pub fn prose_of_bytes(&mut self, name: &str, text: String, limit: usize) -> String {
        self.check(name, text, |text| text::prose_of_bytes(text, limit))
    }

    /// An absolute http or https URI, or empty.
    pub fn uri(&mut self, name: &str, text: String) -> String {
        self.check(name, text, text::uri)
    }

    /// A BCP 47 tag, or empty.
    pub fn language(&mut self, name: &str, text: String) -> String {
        self.check(name, text, text::language)
    }

    /// A UN M49 code, or empty.
    pub fn m49(&mut self, name: &str, text: String) -> String {
        self.check(name, text, text::m49)
    }

    /// So many UN M49 codes.
    pub fn m49s(&mut self, name: &str, codes: Vec<String>, limit: usize) -> Vec<String> {
        self.parsed(name, codes, limit, |code| match code.is_empty() {
            true => Err("is required".to_owned()),
            false => text::m49(&code).map(|()| code),
        })
    }

    /// Text of any number of lines that must be there.
    pub fn required_prose(&mut self, name: &str, text: String, limit: usize) -> String {
        if text.trim().is_empty() {
            self.refuse(name, "is required");
        }
        self.prose(name, text, limit)
    }

    /// So many texts, each as [`Fields::title`].
    pub fn titles(
        &mut self,
        name: &str,
        texts: Vec<String>,
        count: usize,
        limit: usize,
    ) -> Vec<String> {
        let list = self.at.field(name);
        self.limit(name, texts.len(), count);
        for (index, text) in texts.iter().enumerate().take(count) {
            if let Err(problem) = text::title(text, limit) {
                self.violations.at(&list.item(index), problem);
            }
        }
        texts
    }

    /// A number that counts something.
    pub fn count(&mut self, name: &str, number: i64) -> i64 {
        if number < 0 {
            self.refuse(name, "must be zero or more");
        }
        number
    }

    /// A date, where absent means not known.
    pub fn date(&mut self, name: &str, date: Option<common::PartialDate>) -> Option<PartialDate> {
        self.message(name, date, PartialDate::read)
    }

    /// A value that must be stated.
    pub fn required<E>(
        &mut self,
        name: &str,
        number: i32,
        from_pb: fn(i32) -> Option<E>,
    ) -> Option<E> {
        let value = from_pb(number);
        if value.is_none() {
            self.refuse(name, unknown_number(number));
        }
        value
    }

    /// A value, where unspecified means that it is not known.
    pub fn optional<E>(
        &mut self,
        name: &str,
        number: i32,
        from_pb: fn(i32) -> Option<E>,
    ) -> Option<E> {
        if number == 0 { None } else { self.required(name, number, from_pb) }
    }

    /// Values in a list, each stated.
    pub fn values<E>(
        &mut self,
        name: &str,
        numbers: Vec<i32>,
        limit: usize,
        from_pb: fn(i32) -> Option<E>,
    ) -> Vec<E> {
        let parse = |number| from_pb(number).ok_or_else(|| unknown_number(number));
        self.parsed(name, numbers, limit, parse)
    }

    /// A name or code that must be there.
    pub fn required_name<T>(
        &mut self,
        name: &str,
        text: &str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if text.is_empty() {
            self.refuse(name, "is required");
            return None;
        }
        self.optional_name(name, text, parse)
    }

    /// A name or code, where empty means none.
    pub fn optional_name<T>(
        &mut self,
        name: &str,
        text: &str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        parse(text).map_err(|problem| self.refuse(name, problem)).ok()
    }

    /// Names or codes in a list.
    pub fn names<T>(
        &mut self,
        name: &str,
        texts: Vec<String>,
        limit: usize,
        parse: fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        self.parsed(name, texts, limit, |text| parse(&text))
    }

    /// A message that may be absent.
    pub fn message<P, T>(
        &mut self,
        name: &str,
        message: Option<P>,
        read: fn(P, &mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        read(message?, &mut Fields::new(&self.at.field(name), self.violations))
    }

    /// Messages in a list.
    pub fn list<P, T>(
        &mut self,
        name: &str,
        messages: Vec<P>,
        limit: usize,
        read: fn(P, &mut Fields<'_>) -> Option<T>,
    ) -> Vec<T> {
        let list = self.at.field(name);
        self.limit(name, messages.len(), limit);
        let indexed = messages.into_iter().enumerate().take(limit);
        indexed
            .filter_map(|(index, message)| {
                read(message, &mut Fields::new(&list.item(index), self.violations))
            })
            .collect()
    }

    fn parsed<P, T>(
        &mut self,
        name: &str,
        items: Vec<P>,
        limit: usize,
        parse: impl Fn(P) -> Result<T, String>,
    ) -> Vec<T> {
        let list = self.at.field(name);
        self.limit(name, items.len(), limit);
        let indexed = items.into_iter().enumerate().take(limit);
        indexed
            .filter_map(|(index, item)| {
                parse(item).map_err(|problem| self.violations.at(&list.item(index), problem)).ok()
            })
            .collect()
    }

    fn check(
        &mut self,
        name: &str,
        text: String,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> String {
        if let Err(problem) = check(&text) {
            self.refuse(name, problem);
        }
        text
    }

    fn limit(&mut self, name: &str, count: usize, limit: usize) {
        if count > limit {
            self.refuse(name, format!("has {count} entries, at most {limit}"));
        }
    }
}

/// The items of a set, each once, in their order. For lists as short as the contract makes them.
pub fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

fn unknown_number(number: i32) -> String {
    match number {
        0 => "is required".to_owned(),
        number => format!("has no value of number {number}"),
    }
}
