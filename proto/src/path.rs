//! Where in a request one is: cheap to extend, written out only when there is something to report.

use std::fmt;

/// The path of a field, such as `network.names[2].language`.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    /// A path that starts with this field. Empty: the fields of the request itself follow.
    pub(crate) const fn root(field: &'a str) -> Path<'a> {
        Path { parent: None, step: Step::Field(field) }
    }

    /// A field of what is here.
    pub(crate) const fn field(&'a self, name: &'a str) -> Path<'a> {
        Path { parent: Some(self), step: Step::Field(name) }
    }

    /// An item of the list that is here.
    pub(crate) const fn item(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), step: Step::Item(index) }
    }

    fn is_empty(&self) -> bool {
        self.parent.is_none_or(Path::is_empty) && matches!(self.step, Step::Field(""))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Item(index) => write!(f, "[{index}]"),
            Step::Field(name) if self.parent.is_none_or(Path::is_empty) => f.write_str(name),
            Step::Field(name) => write!(f, ".{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_whole_path() {
        let root = Path::root("network");
        let names = root.field("names");
        let name = names.item(2);
        assert_eq!(name.field("language").to_string(), "network.names[2].language");
        assert_eq!(root.to_string(), "network");
    }

    #[test]
    fn an_empty_root_leaves_no_dot() {
        let root = Path::root("");
        let sources = root.field("sources");
        assert_eq!(sources.item(0).field("uri").to_string(), "sources[0].uri");
    }
}
