//! The state file's text: JSON with a version, instants in microseconds since boot.

use std::{net::Ipv6Addr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    addr::{IfIndex, LinkLocal, Prefix64},
    engine::{
        Instant,
        memory::{Completeness, Memory, Past, Promise, Remembered},
    },
};

const VERSION: u32 = 1;

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which boot it speaks of.
    pub boot_id: String,
    /// What a daemon remembered.
    pub memory: Memory,
}

/// Why a file cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A newer daemon wrote it.
    #[error("it has version {0}, and this daemon knows {VERSION}")]
    Newer(u32),
    /// It is no state file, or not all of one.
    #[error("it is damaged")]
    Damaged(#[from] serde_json::Error),
    /// A value that no daemon writes.
    #[error("it is damaged: {what} {value}")]
    Value {
        /// What it stands for.
        what: &'static str,
        /// The value.
        value: String,
    },
}

/// The version alone, which every version of the file has.
#[derive(Deserialize)]
struct Header {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct FileFormat {
    version: u32,
    boot_id: String,
    #[serde(flatten)]
    end: End,
    interfaces: Vec<InterfaceFormat>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "lowercase")]
enum End {
    Clean,
    Unclean { valid_lifetime_s: u64 },
}

#[derive(Serialize, Deserialize)]
struct InterfaceFormat {
    ifindex: u32,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Ipv6Addr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<PromiseFormat>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withdrawn: Vec<PromiseFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sent_us: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct PromiseFormat {
    network: Ipv6Addr,
    valid_until_us: u64,
}

/// The text of `state`.
#[must_use]
pub fn encode(state: &State) -> Vec<u8> {
    let file = FileFormat {
        version: VERSION,
        boot_id: state.boot_id.clone(),
        end: match state.memory.completeness {
            Completeness::Clean => End::Clean,
            Completeness::Unclean { valid_lifetime } => {
                End::Unclean { valid_lifetime_s: valid_lifetime.as_secs() }
            }
        },
        interfaces: state.memory.interfaces.iter().map(InterfaceFormat::from).collect(),
    };
    serde_json::to_vec(&file).expect("strings and numbers always have a JSON text")
}

/// The state in a text.
///
/// # Errors
///
/// A [`DecodeError`] for anything that [`encode`] does not write.
pub fn decode(text: &[u8]) -> Result<State, DecodeError> {
    let Header { version } = serde_json::from_slice(text)?;
    match version {
        VERSION => {}
        0 => return Err(invalid("version", version.to_string())),
        newer => return Err(DecodeError::Newer(newer)),
    }
    let file: FileFormat = serde_json::from_slice(text)?;
    let completeness = match file.end {
        End::Clean => Completeness::Clean,
        End::Unclean { valid_lifetime_s } => {
            Completeness::Unclean { valid_lifetime: Duration::from_secs(valid_lifetime_s) }
        }
    };
    let interfaces =
        file.interfaces.into_iter().map(Remembered::try_from).collect::<Result<_, DecodeError>>()?;
    Ok(State { boot_id: file.boot_id, memory: Memory { completeness, interfaces } })
}

impl From<&Remembered> for InterfaceFormat {
    fn from(remembered: &Remembered) -> Self {
        let Remembered { index, name, past } = remembered;
        Self {
            ifindex: index.get(),
            name: name.clone(),
            source: past.announced.map(LinkLocal::get),
            prefix: past.promised.as_ref().map(PromiseFormat::from),
            withdrawn: past.withdrawn.iter().map(PromiseFormat::from).collect(),
            last_sent_us: past.last_sent.map(micros),
        }
    }
}

impl TryFrom<InterfaceFormat> for Remembered {
    type Error = DecodeError;

    fn try_from(format: InterfaceFormat) -> Result<Self, DecodeError> {
        let InterfaceFormat { ifindex, name, source, prefix, withdrawn, last_sent_us } = format;
        let link_local =
            |source: Ipv6Addr| LinkLocal::new(source).ok_or_else(|| invalid("source", source.to_string()));
        Ok(Self {
            index: IfIndex::new(ifindex).ok_or_else(|| invalid("ifindex", ifindex.to_string()))?,
            name,
            past: Past {
                announced: source.map(link_local).transpose()?,
                promised: prefix.map(Promise::try_from).transpose()?,
                withdrawn: withdrawn.into_iter().map(Promise::try_from).collect::<Result<_, _>>()?,
                last_sent: last_sent_us.map(instant),
            },
        })
    }
}

impl From<&Promise> for PromiseFormat {
    fn from(promise: &Promise) -> Self {
        Self { network: promise.prefix.network(), valid_until_us: micros(promise.until) }
    }
}

impl TryFrom<PromiseFormat> for Promise {
    type Error = DecodeError;

    fn try_from(format: PromiseFormat) -> Result<Self, DecodeError> {
        let PromiseFormat { network, valid_until_us } = format;
        let prefix = Prefix64::containing(network);
        if prefix.network() != network {
            return Err(invalid("network", network.to_string()));
        }
        Ok(Self { prefix, until: instant(valid_until_us) })
    }
}

fn invalid(what: &'static str, value: String) -> DecodeError {
    DecodeError::Value { what, value }
}

/// Rounded up, so that no wait becomes shorter by it.
fn micros(instant: Instant) -> u64 {
    u64::try_from(instant.since_boot().as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn instant(micros: u64) -> Instant {
    Instant::from_boot(Duration::from_micros(micros))
}
