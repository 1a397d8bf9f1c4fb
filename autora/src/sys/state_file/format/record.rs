//! One interface in the file: JSON, instants in microseconds since boot.

use std::{net::Ipv6Addr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{DecodeError, invalid};
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        Instant,
        memory::{Past, Promise, Remembered},
    },
};

#[derive(Serialize, Deserialize)]
pub(super) struct InterfaceFormat {
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
            index: super::ifindex(ifindex)?,
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

/// Rounded up, so that no wait becomes shorter by it.
fn micros(instant: Instant) -> u64 {
    u64::try_from(instant.since_boot().as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn instant(micros: u64) -> Instant {
    Instant::from_boot(Duration::from_micros(micros))
}
