//! Each strict enum has exactly the values the contract has, by number and by word.

use hansa_proto::{common, feed, pb::FILE_DESCRIPTOR_SET, registry};
use prost::Message as _;
use prost_types::{EnumDescriptorProto, FileDescriptorSet};

/// Numbers and words of an enum of the contract, UNSPECIFIED and the prefix left out.
fn described(package: &str, name: &str) -> Vec<(i32, String)> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set.file.into_iter().filter(|file| file.package() == package);
    let found = files.flat_map(|file| file.enum_type).find(|one| one.name() == name);
    let described: EnumDescriptorProto = found.unwrap_or_else(|| panic!("{package}.{name}"));
    let prefix = described.value[0].name().strip_suffix("UNSPECIFIED").unwrap().to_owned();
    let values = described.value.iter().skip(1);
    values
        .map(|value| {
            let word = value.name().strip_prefix(&prefix).unwrap().to_lowercase();
            (value.number(), word)
        })
        .collect()
}

macro_rules! check {
    ($package:literal, $($module:ident :: $name:ident),+ $(,)?) => { $( {
        use $module::$name;
        let ours: Vec<(i32, String)> =
            $name::ALL.iter().map(|value| (value.to_pb(), value.to_string())).collect();
        assert_eq!(ours, described($package, stringify!($name)), stringify!($name));
        for value in $name::ALL {
            assert_eq!($name::from_pb(value.to_pb()), Some(*value));
            assert_eq!(value.as_str().parse::<$name>().as_ref(), Ok(value));
        }
        assert_eq!($name::from_pb(0), None);
        assert_eq!($name::from_pb(-1), None);
        assert_eq!($name::from_pb(1_000), None);
    } )+ };
}

#[test]
fn have_exactly_the_values_of_the_contract() {
    check!("hansa.common.v1", common::NameKind, common::TargetKind, common::FrontType);
    check!(
        "hansa.registry.v1",
        registry::NetworkKind,
        registry::Scale,
        registry::Origin,
        registry::Scope,
        registry::NetworkState,
        registry::AdmissionMode,
        registry::RelationKind,
        registry::MemberKind,
        registry::MemberState,
        registry::ExternalIdScheme,
        registry::MembershipState,
        registry::MembershipClass,
        registry::RoleKind,
        registry::EndReason,
        registry::ChangeKind,
        registry::Certainty,
        registry::ImportOutcome,
        registry::ExportKind,
        registry::Statistic,
    );
    check!(
        "hansa.feed.v1",
        feed::StatementKind,
        feed::StatementState,
        feed::CampaignKind,
        feed::CampaignState,
        feed::OutcomeKind,
        feed::EventKind,
        feed::SubscriptionState,
        feed::OnExpired,
    );
}

#[test]
fn an_unknown_word_is_answered_with_the_allowed_ones() {
    let error = "continental".parse::<registry::Scale>().unwrap_err();
    assert_eq!(error.to_string(), "`continental` is not one of national, regional, global");
}
