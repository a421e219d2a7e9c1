//! The words of a filter: names and values, quoted texts, operators, parentheses, AND, OR, NOT.

use super::parse::Malformed;

/// A word of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Operator(&'static str),
    Word(String),
    Quoted(String),
}

/// A token and how many characters are before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) offset: usize,
    pub(super) token: Token,
}

/// Longer ones first.
const OPERATORS: [&str; 7] = ["!=", "<=", ">=", "=", "<", ">", ":"];

/// The tokens of a filter, in order.
pub(super) fn tokens(text: &str) -> Result<Vec<Lexeme>, Malformed> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut offset = 0;
    while let Some(letter) = letters.get(offset) {
        let rest = &letters[offset..];
        let (token, length) = match letter {
            blank if blank.is_whitespace() => {
                offset += 1;
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => quoted(rest).ok_or_else(|| Malformed::new(offset, "expected another `\"`"))?,
            _ => match operator(rest) {
                Some(operator) => (Token::Operator(operator), operator.len()),
                None => word(rest).ok_or_else(|| Malformed::new(offset, "expected `!=`"))?,
            },
        };
        tokens.push(Lexeme { offset, token });
        offset += length;
    }
    Ok(tokens)
}

fn operator(rest: &[char]) -> Option<&'static str> {
    OPERATORS.into_iter().find(|operator| {
        rest.len() >= operator.len() && operator.chars().zip(rest).all(|(one, other)| one == *other)
    })
}

/// Up to the next quote; a backslash takes the next character as it is.
fn quoted(rest: &[char]) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut index = 1;
    loop {
        match rest.get(index)? {
            '"' => return Some((Token::Quoted(text), index + 1)),
            '\\' => {
                text.push(*rest.get(index + 1)?);
                index += 2;
            }
            letter => {
                text.push(*letter);
                index += 1;
            }
        }
    }
}

fn word(rest: &[char]) -> Option<(Token, usize)> {
    let ends = |letter: &char| letter.is_whitespace() || "()=!<>:\"".contains(*letter);
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    let text: String = rest[..length].iter().collect();
    let token = match text.as_str() {
        "" => return None,
        "AND" => Token::And,
        "OR" => Token::Or,
        "NOT" => Token::Not,
        _ => Token::Word(text),
    };
    Some((token, length))
}
