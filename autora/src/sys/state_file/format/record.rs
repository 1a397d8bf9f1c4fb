//! One interface in the file, as JSON; instants are microseconds since boot.

use std::{net::Ipv6Addr, time::Duration};

use serde::{Deserialize, Serialize};

use super::error::{self, DecodeError, invalid};
use crate::{
    addr::{LinkLocal, Prefix64},
    engine::{
        BootInstant,
        handover::{Advertised, AdvertisedPrefix, AdvertisedRouter, SavedInterface},
    },
};

#[derive(Serialize, Deserialize)]
pub(super) struct InterfaceFormat {
    ifindex: u32,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    router: Option<RouterFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owed: Option<RouterFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<PrefixFormat>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<PrefixFormat>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sent_us: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct RouterFormat {
    source: Ipv6Addr,
    until_us: u64,
}

#[derive(Serialize, Deserialize)]
struct PrefixFormat {
    network: Ipv6Addr,
    valid_until_us: u64,
}

impl From<&SavedInterface> for InterfaceFormat {
    fn from(interface: &SavedInterface) -> Self {
        let SavedInterface { index, name, advertised } = interface;
        Self {
            ifindex: index.get(),
            name: name.clone(),
            router: advertised.router.as_ref().map(RouterFormat::from),
            owed: advertised.owed.as_ref().map(RouterFormat::from),
            prefix: advertised.prefix.as_ref().map(PrefixFormat::from),
            retired: advertised.retired.iter().map(PrefixFormat::from).collect(),
            last_sent_us: advertised.last_sent.map(micros),
        }
    }
}

impl TryFrom<InterfaceFormat> for SavedInterface {
    type Error = DecodeError;

    fn try_from(format: InterfaceFormat) -> Result<Self, DecodeError> {
        let InterfaceFormat { ifindex, name, router, owed, prefix, retired, last_sent_us } = format;
        Ok(Self {
            index: error::ifindex(ifindex)?,
            name,
            advertised: Advertised {
                router: router.map(AdvertisedRouter::try_from).transpose()?,
                owed: owed.map(AdvertisedRouter::try_from).transpose()?,
                prefix: prefix.map(AdvertisedPrefix::try_from).transpose()?,
                retired: retired.into_iter().map(AdvertisedPrefix::try_from).collect::<Result<_, _>>()?,
                last_sent: last_sent_us.map(instant),
            },
        })
    }
}

impl From<&AdvertisedRouter> for RouterFormat {
    fn from(router: &AdvertisedRouter) -> Self {
        Self { source: router.source.get(), until_us: micros(router.until) }
    }
}

impl TryFrom<RouterFormat> for AdvertisedRouter {
    type Error = DecodeError;

    fn try_from(format: RouterFormat) -> Result<Self, DecodeError> {
        let RouterFormat { source, until_us } = format;
        let source = LinkLocal::new(source).ok_or_else(|| invalid("source", source.to_string()))?;
        Ok(Self { source, until: instant(until_us) })
    }
}

impl From<&AdvertisedPrefix> for PrefixFormat {
    fn from(advertised: &AdvertisedPrefix) -> Self {
        Self { network: advertised.prefix.network(), valid_until_us: micros(advertised.valid_until) }
    }
}

impl TryFrom<PrefixFormat> for AdvertisedPrefix {
    type Error = DecodeError;

    fn try_from(format: PrefixFormat) -> Result<Self, DecodeError> {
        let PrefixFormat { network, valid_until_us } = format;
        let prefix = Prefix64::containing(network);
        if prefix.network() != network {
            return Err(invalid("network", network.to_string()));
        }
        Ok(Self { prefix, valid_until: instant(valid_until_us) })
    }
}

/// Converts to microseconds, rounded up so that no waiting time becomes shorter.
fn micros(instant: BootInstant) -> u64 {
    u64::try_from(instant.since_boot().as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX)
}

fn instant(micros: u64) -> BootInstant {
    BootInstant::from_boot(Duration::from_micros(micros))
}
