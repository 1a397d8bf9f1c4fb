//! The first version of the file: one JSON value, written whole at each change. It is read and never written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{DecodeError, End, State, record::InterfaceFormat};
use crate::engine::handover::{SavedInterface, SavedState};

#[derive(Deserialize)]
struct FileFormat {
    boot_id: String,
    #[serde(flatten)]
    end: End,
    interfaces: Vec<InterfaceFormat>,
}

pub(super) fn decode(text: &[u8]) -> Result<State, DecodeError> {
    let FileFormat { boot_id, end, interfaces } = serde_json::from_slice(text)?;
    let mut known = BTreeMap::new();
    for format in interfaces {
        let remembered = SavedInterface::try_from(format)?;
        known.insert(remembered.index, remembered);
    }
    let interfaces = known.into_values().collect();
    Ok(State { boot_id, memory: SavedState { ending: end.into(), interfaces } })
}
