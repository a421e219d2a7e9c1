//! What an event takes away from where its resource was found: told with the event, so that who wanted
//! the resource as it was hears that it is no longer so.

use hansa_proto::country::Country;
use hansa_proto::ids::{MemberId, NetworkId};

use super::NewEvent;

/// Values of a filter that found the resource before an event, and that do not find it any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Former {
    /// The network it happened in.
    pub(crate) network: Option<NetworkId>,
    /// The members it was about.
    pub(crate) members: Vec<MemberId>,
    /// Countries of those members.
    pub(crate) countries: Vec<Country>,
    /// Subjects.
    pub(crate) themes: Vec<String>,
}

impl Former {
    /// Whether nothing was taken away.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Former::default()
    }
}

impl NewEvent {
    /// The same event, that knows what its resource was found by before.
    pub(super) fn after(self, before: Former) -> NewEvent {
        let Former { network, mut members, mut countries, mut themes } = before;
        let now: Vec<String> = self.themes.iter().map(|theme| theme.to_lowercase()).collect();
        members.retain(|member| !self.members.contains(member));
        countries.retain(|country| !self.countries.contains(country));
        themes.retain(|theme| !now.contains(&theme.to_lowercase()));
        let network = network.filter(|network| self.network.as_ref() != Some(network));
        NewEvent { former: Former { network, members, countries, themes }, ..self }
    }
}
