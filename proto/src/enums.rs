//! Enums without UNSPECIFIED: a value of these types is always one of the words of the contract.
//!
//! `strict_enum!` makes each of them from one list. The match in `from_pb` names every value the
//! .proto has, so that a value added there does not compile until it is added here.

pub(crate) mod common;
pub(crate) mod feed;
pub(crate) mod registry;

/// Makes a strict enum of the generated enum of the same name in `pb`.
macro_rules! strict_enum {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$value_meta:meta])* $value:ident = $word:literal, )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$value_meta])* $value, )+ }

        impl $name {
            /// Every value, in the order of the contract.
            pub const ALL: &[$name] = &[$( $name::$value, )+];

            /// Its word, in snake case and without prefix.
            pub const fn as_str(self) -> &'static str {
                match self { $( $name::$value => $word, )+ }
            }

            /// Its number on the wire.
            pub const fn to_pb(self) -> i32 {
                match self { $( $name::$value => pb::$name::$value as i32, )+ }
            }

            /// The value of a number. None for 0, which is UNSPECIFIED, and for numbers unknown here.
            pub fn from_pb(number: i32) -> Option<$name> {
                match pb::$name::try_from(number).ok()? {
                    pb::$name::Unspecified => None,
                    $( pb::$name::$value => Some($name::$value), )+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::enums::UnknownWord;

            fn from_str(word: &str) -> Result<$name, Self::Err> {
                let known = $name::ALL.iter().copied().find(|value| value.as_str() == word);
                known.ok_or_else(|| $crate::enums::UnknownWord {
                    word: word.to_owned(),
                    allowed: $name::ALL.iter().map(|value| value.as_str()).collect(),
                })
            }
        }
    };
}
pub(crate) use strict_enum;

/// A word that is none of an enum's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of {}", allowed.join(", "))]
pub struct UnknownWord {
    /// What was given.
    pub word: String,
    /// What would have been allowed.
    pub allowed: Vec<&'static str>,
}
