//! The words with which a user chooses among the values of lower layers, which know no command line.

use clap::{ValueEnum, builder::PossibleValue};

use crate::{engine::eligibility::SeveralPrefixes, wire::RouterPreference};

impl ValueEnum for SeveralPrefixes {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Refuse, Self::Keep]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Refuse => PossibleValue::new("refuse").help("Do not serve it, as long as it has several"),
            Self::Keep => PossibleValue::new("keep").help("Go on with the /64 that guests have, if it has that one"),
        })
    }
}

impl ValueEnum for RouterPreference {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::High, Self::Medium, Self::Low]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::High => PossibleValue::new("high").help("Before routers of medium preference"),
            Self::Medium => PossibleValue::new("medium").help("As routers that say nothing"),
            Self::Low => PossibleValue::new("low").help("After all others"),
        })
    }
}
