//! Filters as text: a subset of AIP-160, by recursive descent.
//!
//! ```text
//! filter   = factor { ["AND"] factor }
//! factor   = term { "OR" term }               OR binds closer than AND, as AIP-160 has it
//! term     = ["NOT"] ( "(" filter ")" | test )
//! test     = field ("=" | "!=" | "<" | "<=" | ">" | ">=" | ":") value  |  word  |  "quoted phrase"
//! ```

use hansa_proto::country::Country;
use hansa_proto::violation::Violations;

use super::facts::{Field, Holds, Sort};
use super::filter::{Comparison, Filter, Phrase, Value};
use super::lex::{self, Lexeme, Token};
use crate::continent::Continent;
use crate::fold_text;

/// Most characters of a filter.
const CHARACTERS: usize = 2_000;
/// Deepest nesting of a filter.
const DEPTH: usize = 20;
/// Most tests of a filter.
const TESTS: usize = 100;

/// What is wrong with a filter, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Characters before it.
    pub(super) offset: usize,
    /// What is wrong.
    pub(super) what: String,
}

impl Malformed {
    pub(super) fn new(offset: usize, what: impl Into<String>) -> Malformed {
        Malformed { offset, what: what.into() }
    }
}

/// Reads the `filter` of a request.
pub(crate) fn filter(text: &str, sort: Sort, violations: &mut Violations) -> Filter {
    if text.chars().count() > CHARACTERS {
        violations.push("filter", format!("must have at most {CHARACTERS} characters"));
        return Filter::all();
    }
    parsed(text, sort).unwrap_or_else(|problem| {
        violations.push("filter", format!("at character {}: {}", problem.offset + 1, problem.what));
        Filter::all()
    })
}

fn parsed(text: &str, sort: Sort) -> Result<Filter, Malformed> {
    let tokens = lex::tokens(text)?;
    if tokens.is_empty() {
        return Ok(Filter::all());
    }
    let end = text.chars().count();
    let mut parser = Parser { tokens, next: 0, end, sort, tests: 0 };
    let filter = parser.filter(0)?;
    match parser.peek() {
        None => Ok(filter),
        Some(lexeme) => Err(Malformed::new(lexeme.offset, "there is no `(` for this `)`")),
    }
}

struct Parser {
    tokens: Vec<Lexeme>,
    next: usize,
    end: usize,
    sort: Sort,
    tests: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Lexeme> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Lexeme> {
        let lexeme = self.tokens.get(self.next).cloned();
        self.next += usize::from(lexeme.is_some());
        lexeme
    }

    fn take_if(&mut self, token: &Token) -> bool {
        let found = self.peek().is_some_and(|lexeme| lexeme.token == *token);
        self.next += usize::from(found);
        found
    }

    fn filter(&mut self, depth: usize) -> Result<Filter, Malformed> {
        let mut parts = vec![self.factor(depth)?];
        loop {
            let joined = self.take_if(&Token::And);
            match self.peek().map(|lexeme| &lexeme.token) {
                None | Some(Token::Close) if !joined => break,
                _ => parts.push(self.factor(depth)?),
            }
        }
        Ok(one_or(parts, Filter::And))
    }

    fn factor(&mut self, depth: usize) -> Result<Filter, Malformed> {
        let mut parts = vec![self.term(depth)?];
        while self.take_if(&Token::Or) {
            parts.push(self.term(depth)?);
        }
        Ok(one_or(parts, Filter::Or))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, Malformed> {
        if self.take_if(&Token::Not) {
            return Ok(Filter::Not(Box::new(self.unnegated(depth)?)));
        }
        self.unnegated(depth)
    }

    fn unnegated(&mut self, depth: usize) -> Result<Filter, Malformed> {
        let expected = "expected a comparison, a word or `(`";
        let Some(lexeme) = self.take() else { return Err(Malformed::new(self.end, expected)) };
        match lexeme.token {
            Token::Open if depth == DEPTH => {
                Err(Malformed::new(lexeme.offset, format!("more than {DEPTH} levels of `(`")))
            }
            Token::Open => {
                let inner = self.filter(depth + 1)?;
                if !self.take_if(&Token::Close) {
                    return Err(Malformed::new(self.end, "expected `)`"));
                }
                Ok(inner)
            }
            Token::Word(text) => self.test(lexeme.offset, text, false),
            Token::Quoted(text) => self.test(lexeme.offset, text, true),
            Token::Close | Token::And | Token::Or | Token::Not | Token::Operator(_) => {
                Err(Malformed::new(lexeme.offset, expected))
            }
        }
    }

    fn test(&mut self, offset: usize, text: String, quoted: bool) -> Result<Filter, Malformed> {
        self.tests += 1;
        if self.tests > TESTS {
            return Err(Malformed::new(offset, format!("more than {TESTS} tests")));
        }
        let operator = match self.peek().map(|lexeme| (&lexeme.token, lexeme.offset)) {
            Some((Token::Operator(operator), at)) if !quoted => (*operator, at),
            Some((Token::Operator(_), at)) => {
                return Err(Malformed::new(at, "a field is not quoted"));
            }
            _ => return Ok(Filter::Named(phrase(offset, &text, quoted)?)),
        };
        self.next += 1;
        let field = self.field(offset, &text)?;
        let Some(lexeme) = self.take() else {
            return Err(Malformed::new(self.end, format!("expected a value of `{text}`")));
        };
        match lexeme.token {
            Token::Word(value) => {
                compared(self.sort, field, operator, lexeme.offset, &value, false)
            }
            Token::Quoted(value) => {
                compared(self.sort, field, operator, lexeme.offset, &value, true)
            }
            _ => Err(Malformed::new(lexeme.offset, format!("expected a value of `{text}`"))),
        }
    }

    fn field(&self, offset: usize, name: &str) -> Result<Field, Malformed> {
        let fields = self.sort.fields();
        fields.iter().copied().find(|field| field.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
            Malformed::new(offset, format!("`{name}` is not one of {}", known.join(", ")))
        })
    }
}

fn one_or(mut parts: Vec<Filter>, of: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        1 => parts.remove(0),
        _ => of(parts),
    }
}

fn phrase(offset: usize, text: &str, whole: bool) -> Result<Phrase, Malformed> {
    let words = fold_text::words(text);
    match words.is_empty() {
        true => Err(Malformed::new(offset, "there is no letter and no digit in this word")),
        false => Ok(Phrase { words, whole }),
    }
}

/// The comparison of a field, its value read as the field holds it.
fn compared(
    sort: Sort,
    field: Field,
    (operator, at): (&'static str, usize),
    offset: usize,
    text: &str,
    quoted: bool,
) -> Result<Filter, Malformed> {
    if operator == ":" && text == "*" && !quoted {
        return Ok(Filter::Present(field));
    }
    let holds = sort.holds(field);
    let ordered = matches!(holds, Holds::Number | Holds::Date);
    let comparison = match operator {
        "=" | "!=" => Comparison::Equal,
        ":" if !ordered && holds != Holds::Flag => Comparison::Equal,
        "<" if ordered => Comparison::Less,
        "<=" if ordered => Comparison::AtMost,
        ">" if ordered => Comparison::Greater,
        ">=" if ordered => Comparison::AtLeast,
        _ => {
            let allowed = match (&holds, ordered) {
                (_, true) => "=, !=, <, <=, >, >= or :*",
                (Holds::Flag, _) => "=, != or :*",
                _ => "=, != or :",
            };
            let what = format!("`{}` is compared with {allowed}", field.as_str());
            return Err(Malformed::new(at, what));
        }
    };
    if operator == ":" && holds == Holds::Text {
        return Ok(Filter::Has(field, phrase(offset, text, quoted)?));
    }
    let value = value(&holds, text).map_err(|expected| Malformed::new(offset, expected))?;
    let test = Filter::Compare { field, comparison, value };
    Ok(if operator == "!=" { Filter::Not(Box::new(test)) } else { test })
}

/// The value, or what was expected.
fn value(holds: &Holds, text: &str) -> Result<Value, String> {
    let one = |word: String| Value::AnyOf(vec![word]);
    match holds {
        Holds::OneOf(words) => {
            let lower = text.to_ascii_lowercase();
            match words.contains(&lower.as_str()) {
                true => Ok(one(lower)),
                false => Err(format!("`{text}` is not one of {}", words.join(", "))),
            }
        }
        Holds::Country => Country::parse(&text.to_ascii_uppercase())
            .map(|country| one(country.as_str().to_owned()))
            .map_err(|problem| format!("`{text}` {problem}")),
        Holds::Region => region(text)
            .ok_or_else(|| format!("`{text}` is not a continent, such as Europe, or its M49 code")),
        Holds::Text => {
            let words = fold_text::words(text).join(" ");
            (!words.is_empty()).then(|| one(words)).ok_or_else(|| "expected words".to_owned())
        }
        Holds::Flag => match text {
            "true" => Ok(Value::Flag(true)),
            "false" => Ok(Value::Flag(false)),
            _ => Err(format!("`{text}` is not true or false")),
        },
        Holds::Number => {
            text.parse().map(Value::Number).map_err(|_| format!("`{text}` is not a whole number"))
        }
        Holds::Date => text.parse().map(Value::Date).map_err(|problem| format!("{problem}")),
    }
}

/// The continents of an M49 code or an English name.
fn region(text: &str) -> Option<Value> {
    let folded = fold_text::words(text).join(" ");
    let named = |continent: &&Continent| fold_text::words(continent.as_str()).join(" ") == folded;
    let code = match folded.as_str() {
        "americas" | "america" => "019",
        "latin america" | "latin america and the caribbean" => "419",
        other => Continent::ALL.iter().find(named).map_or(other, |continent| continent.m49()),
    };
    let continents = Continent::of_region(code);
    let codes = continents.iter().map(|continent| continent.m49().to_owned()).collect();
    (!continents.is_empty()).then_some(Value::AnyOf(codes))
}

#[cfg(test)]
mod tests;
