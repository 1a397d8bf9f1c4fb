//! The state file's text: lines of JSON.
//!
//! ```text
//! {"version":2,"boot_id":"..","end":"unclean","valid_lifetime_s":86400,"interfaces":2}
//! {"known":{"ifindex":7,"name":"tap7",..}}        as many of these as the first line says
//! {"known":{"ifindex":8,"name":"tap8",..}}
//! {"known":{"ifindex":8,"name":"tap8",..}}        what came since: the last word on an interface counts
//! {"gone":7}
//! ```
//!
//! The first line and those that it counts came into place at once, and after a clean end nothing follows
//! them. What follows otherwise was added by and by, so a daemon that was killed may have left its last line
//! unfinished: that one was never said. Anything else that cannot be read is damage, and then nothing of the
//! file is believed: whatever spoilt one line may have spoilt others that still look well.

mod error;
mod record;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::error::DecodeError;
use self::{
    error::{VERSION, ifindex, invalid},
    record::InterfaceFormat,
};
use crate::engine::handover::{Ending, SavedInterface, SavedState, SavedUpdate};

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which boot it speaks of.
    pub boot_id: String,
    /// What a daemon remembered.
    pub memory: SavedState,
}

/// The version alone, which is in the first JSON value of the file whatever else there is.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    boot_id: String,
    #[serde(flatten)]
    end: End,
    /// How many lines came into place together with this one.
    interfaces: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "lowercase")]
enum End {
    Clean,
    Unclean { valid_lifetime_s: u64 },
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Known(InterfaceFormat),
    Gone(u32),
}

/// The text of `state`.
#[must_use]
pub fn encode(state: &State) -> Vec<u8> {
    let State { boot_id, memory } = state;
    let (boot_id, interfaces) = (boot_id.clone(), memory.interfaces.len());
    let mut text = Vec::new();
    write_line(&mut text, &Header { version: VERSION, boot_id, end: memory.ending.into(), interfaces });
    for known in &memory.interfaces {
        write_line(&mut text, &Line::Known(known.into()));
    }
    text
}

/// What has to be added to the text of a state without a clean end, to bring it up to date.
#[must_use]
pub fn encode_updates(updates: &[SavedUpdate]) -> Vec<u8> {
    let mut text = Vec::new();
    for update in updates {
        let line = match update {
            SavedUpdate::Known(known) => Line::Known(known.into()),
            SavedUpdate::Gone(index) => Line::Gone(index.get()),
        };
        write_line(&mut text, &line);
    }
    text
}

fn write_line(text: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *text, line).expect("strings and numbers always have a JSON text");
    text.push(b'\n');
}

/// The state in a text; the interfaces in the order of their indices.
///
/// # Errors
///
/// A [`DecodeError`] for anything that no daemon leaves.
pub fn decode(text: &[u8]) -> Result<State, DecodeError> {
    let Version { version } = Version::deserialize(&mut serde_json::Deserializer::from_slice(text))?;
    match version {
        VERSION => decode_lines(text),
        0..VERSION => Err(invalid("version", version.to_string())),
        newer => Err(DecodeError::Newer(newer)),
    }
}

fn decode_lines(text: &[u8]) -> Result<State, DecodeError> {
    let is_end = |byte: &u8| *byte == b'\n';
    let (finished, unfinished) = text.split_at(text.iter().rposition(is_end).map_or(0, |at| at + 1));
    let mut lines = finished.split_inclusive(is_end);
    let header: Header = serde_json::from_slice(lines.next().unwrap_or_default())?;
    let lines: Vec<_> = lines.collect();
    let (found, expected) = (lines.len(), header.interfaces);
    let whole = match header.end {
        End::Clean => found == expected && unfinished.is_empty(),
        End::Unclean { .. } => found >= expected,
    };
    if !whole {
        return Err(DecodeError::Lines { found, expected });
    }
    let interfaces = last_words(&lines)?;
    Ok(State { boot_id: header.boot_id, memory: SavedState { ending: header.end.into(), interfaces } })
}

/// What the last line on each interface says.
fn last_words(lines: &[&[u8]]) -> Result<Vec<SavedInterface>, DecodeError> {
    let mut known = BTreeMap::new();
    for line in lines {
        match serde_json::from_slice(line)? {
            Line::Known(format) => {
                let remembered = SavedInterface::try_from(format)?;
                known.insert(remembered.index, remembered);
            }
            Line::Gone(index) => _ = known.remove(&ifindex(index)?),
        }
    }
    Ok(known.into_values().collect())
}

impl From<Ending> for End {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Clean => Self::Clean,
            Ending::Unclean { valid_lifetime } => {
                Self::Unclean { valid_lifetime_s: valid_lifetime.as_secs() }
            }
        }
    }
}

impl From<End> for Ending {
    fn from(end: End) -> Self {
        match end {
            End::Clean => Self::Clean,
            End::Unclean { valid_lifetime_s } => {
                Self::Unclean { valid_lifetime: Duration::from_secs(valid_lifetime_s) }
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
