//! The state file's text: lines of JSON.
//!
//! ```text
//! {"version":1,"boot_id":"..","end":"unclean","valid_lifetime_s":86400,"router_lifetime_s":180,"interfaces":2}
//! {"known":{"ifindex":7,"name":"tap7",..}}        as many of these as the first line says
//! {"known":{"ifindex":8,"name":"tap8",..}}
//! {"known":{"ifindex":8,"name":"tap8",..}}        changes since then: the last line counts
//! {"gone":7}
//! ```
//!
//! The first line and those that it counts are put in place at once, and after a clean end nothing follows
//! them. Other lines were appended one by one, so a daemon that was killed may have left its last line
//! unfinished: that line is ignored. Any other line that cannot be decoded is damage, and then the whole file
//! is rejected: what damaged one line may have damaged others that still decode.

mod error;
mod record;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

pub use self::error::DecodeError;
use self::{
    error::{ifindex, invalid},
    record::InterfaceFormat,
};
use crate::engine::handover::{Ending, SavedInterface, SavedState, SavedUpdate};

const VERSION: u32 = 1;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The boot in which it was written.
    pub boot_id: String,
    /// The saved state.
    pub saved: SavedState,
}

/// The version alone, which every version of the file has in its first JSON value.
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
    /// The number of lines that were put in place together with this one.
    interfaces: usize,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "lowercase")]
enum End {
    Clean,
    Unclean { valid_lifetime_s: u64, router_lifetime_s: u64 },
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Known(InterfaceFormat),
    Gone(u32),
}

/// Returns the text of `state`.
#[must_use]
pub fn encode(state: &State) -> Vec<u8> {
    let State { boot_id, saved } = state;
    let (boot_id, interfaces) = (boot_id.clone(), saved.interfaces.len());
    let mut text = Vec::new();
    write_line(&mut text, &Header { version: VERSION, boot_id, end: saved.ending.into(), interfaces });
    for known in &saved.interfaces {
        write_line(&mut text, &Line::Known(known.into()));
    }
    text
}

/// Returns the lines that bring the text of a state without a clean end up to date.
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

/// Decodes a text into a state, its interfaces in the order of their indices.
///
/// # Errors
///
/// A [`DecodeError`] for any text that no daemon writes.
pub fn decode(text: &[u8]) -> Result<State, DecodeError> {
    let Version { version } = Version::deserialize(&mut serde_json::Deserializer::from_slice(text))?;
    match version {
        VERSION => decode_lines(text),
        0..VERSION => Err(invalid("version", version.to_string())),
        found => Err(DecodeError::Newer { found, known: VERSION }),
    }
}

fn decode_lines(text: &[u8]) -> Result<State, DecodeError> {
    let is_end = |byte: &u8| *byte == b'\n';
    let (finished, unfinished) = text.split_at(text.iter().rposition(is_end).map_or(0, |at| at + 1));
    let mut lines = finished.split_inclusive(is_end);
    let header: Header = serde_json::from_slice(lines.next().unwrap_or_default())?;
    let lines: Vec<_> = lines.collect();
    let (found, expected) = (lines.len(), header.interfaces);
    let complete = match header.end {
        End::Clean => found == expected && unfinished.is_empty(),
        End::Unclean { .. } => found >= expected,
    };
    if !complete {
        return Err(DecodeError::Lines { found, expected });
    }
    let interfaces = latest(&lines)?;
    Ok(State { boot_id: header.boot_id, saved: SavedState { ending: header.end.into(), interfaces } })
}

/// Returns each interface as the last line about it has it.
fn latest(lines: &[&[u8]]) -> Result<Vec<SavedInterface>, DecodeError> {
    let mut known = BTreeMap::new();
    for line in lines {
        match serde_json::from_slice(line)? {
            Line::Known(format) => {
                let interface = SavedInterface::try_from(format)?;
                known.insert(interface.index, interface);
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
            Ending::Unclean { valid_lifetime, router_lifetime } => Self::Unclean {
                valid_lifetime_s: valid_lifetime.as_secs(),
                router_lifetime_s: router_lifetime.as_secs(),
            },
        }
    }
}

impl From<End> for Ending {
    fn from(end: End) -> Self {
        match end {
            End::Clean => Self::Clean,
            End::Unclean { valid_lifetime_s, router_lifetime_s } => Self::Unclean {
                valid_lifetime: Duration::from_secs(valid_lifetime_s),
                router_lifetime: Duration::from_secs(router_lifetime_s),
            },
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
