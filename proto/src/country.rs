//! Countries, by their ISO 3166-1 alpha-2 code.

use std::fmt;

/// A country that ISO 3166-1 knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(&'static str);

impl Country {
    /// From its two capital letters.
    pub fn parse(code: &str) -> Result<Country, String> {
        let capital = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let known = capital.then(|| celes::Country::from_alpha2(code).ok()).flatten();
        known
            .map(|country| Country(country.alpha2))
            .ok_or_else(|| "must be an ISO 3166-1 alpha-2 code, such as ES".to_owned())
    }

    /// From two or three letters, as tables from elsewhere have them.
    pub fn parse_either(code: &str) -> Result<Country, String> {
        let code = code.to_ascii_uppercase();
        if code.len() == 2 {
            return Country::parse(&code);
        }
        celes::Country::from_alpha3(&code)
            .map(|country| Country(country.alpha2))
            .map_err(|_| "must be an ISO 3166-1 code of two or three letters".to_owned())
    }

    /// Its two capital letters.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_iso_knows_and_nothing_else() {
        for code in ["ES", "FR", "PS", "TW", "XK"] {
            assert_eq!(Country::parse(code).map(Country::as_str), Ok(code), "{code}");
        }
        for code in ["ES", "es", "ESP", "esp"] {
            assert_eq!(Country::parse_either(code).map(Country::as_str), Ok("ES"), "{code}");
        }
        for code in ["", "E", "XXX", "ESPA", "ÄB"] {
            assert!(Country::parse_either(code).is_err(), "{code}");
        }
        for code in ["", "es", "ESP", "XX", "E", "Ä", "EU"] {
            assert!(Country::parse(code).is_err(), "{code}");
        }
    }
}
