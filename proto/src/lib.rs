//! The contract of Hansa: what the .proto files generate, and the strict types requests parse into.
//!
//! Junk stops here. A value of a strict type is well formed and within the limits of the contract:
//! whoever holds one checks nothing again. `parse` reads a request and reports every violation, each
//! with the path of its field; `to_pb` cannot fail; `from_stored` reads what `to_pb` wrote, also the
//! fields that only a service sets. Whether something *may* be done is not decided here.
//!
//! | file | answers |
//! | --- | --- |
//! | `pb` | what is generated |
//! | `ids` | names of resources |
//! | `reading` | what sources say that contradict a field, and of which type each field is |
//! | `date`, `country` | partial dates, ISO 3166-1 |
//! | `common`, `registry`, `feed` | the messages of each package, strict |
//! | `enums` | the enums of each package, without UNSPECIFIED |
//! | `codec` | how messages become bytes on a connection |
//! | `limits` | every limit, by name |
//! | `progress` | how long a stream may be silent |
//! | `violation` | what is wrong with a request |
//! | `stored` | what is wrong with stored bytes, and what a service records with a resource |
//! | `fields` | how a message, or a request itself, is read field by field |
//! | `text`, `path` | what texts may be, where in a request one is |

pub mod codec;
pub mod common;
pub mod country;
pub mod date;
pub mod enums;
pub mod feed;
pub mod fields;
pub mod ids;
pub mod limits;
mod path;
pub mod pb;
pub mod progress;
pub mod reading;
pub mod registry;
pub mod stored;
mod text;
pub mod violation;

pub use stored::Corrupt;
