//! The words of what the registry and the feed both speak of, one Rust enum for each enum of `hansa.common.v1`.

use super::strict_enum;
use crate::pb::common::v1 as pb;

strict_enum! {
    /// What sort of name a name is.
    NameKind {
        /// The name the thing gives itself.
        Official = "official",
        /// Letters that stand for the name, such as UCLG.
        Acronym = "acronym",
        /// Another name in use, now or earlier.
        Alias = "alias",
    }
}

strict_enum! {
    /// What a target is.
    TargetKind {
        /// The government of a state.
        NationalGovernment = "national_government",
        /// The United Nations, the European Union and the like, and their bodies.
        InternationalInstitution = "international_institution",
        /// A parliament.
        Parliament = "parliament",
        /// A court.
        Court = "court",
        /// Another city network.
        Network = "network",
        /// A company or an industry.
        Company = "company",
        /// The public.
        Public = "public",
    }
}

strict_enum! {
    /// The two kinds of front (Malé 2019).
    FrontType {
        /// Cities mobilise against a policy imposed by a state or an international body.
        AgainstPolicy = "against_policy",
        /// Cities mobilise against a risk they all feel, such as housing speculation.
        AgainstCommonRisk = "against_common_risk",
    }
}
