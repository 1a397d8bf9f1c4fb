//! Options of neighbour discovery [RFC 4861 4.6].

use std::{fmt, time::Duration};

use super::{DecodeError, lifetime, seconds_u32};
use crate::addr::Prefix64;

const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const PREFIX_INFORMATION: u8 = 3;
const MTU: u8 = 5;

/// One option of a neighbour-discovery message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NdOption {
    /// The sender's link-layer address, on a link whose addresses have six bytes.
    SourceLinkLayerAddress([u8; 6]),
    /// A /64 and how long it may be used.
    PrefixInformation(PrefixInformation),
    /// The link's MTU in bytes.
    Mtu(u32),
    /// Any other option, also one of a kind above but of an unusual shape: its type and what follows the length byte.
    Other {
        /// The option's type.
        kind: u8,
        /// Its bytes after type and length: 8n - 2 of them.
        body: Vec<u8>,
    },
}

/// A Prefix Information option for a prefix of 64 bits [RFC 4861 4.6.2].
///
/// ```text
///  0                   1                   2                   3
/// +-------------+---------------+---------------+-+-+-----------+
/// |   Type = 3  |   Length = 4  |  Prefix Len.  |L|A| Reserved  |
/// +-------------+---------------+---------------+-+-+-----------+
/// |                       Valid Lifetime                        |
/// +-------------------------------------------------------------+
/// |                     Preferred Lifetime                      |
/// +-------------------------------------------------------------+
/// |                          Reserved                           |
/// +-------------------------------------------------------------+
/// |                      Prefix, 16 bytes                       |
/// +-------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixInformation {
    /// The prefix.
    pub prefix: Prefix64,
    /// L: neighbours in this prefix are reached directly, without the router.
    pub on_link: bool,
    /// A: hosts make addresses of their own in this prefix [RFC 4862].
    pub autonomous: bool,
    /// How long addresses of this prefix stay valid; [`super::INFINITE_LIFETIME`] or more is forever.
    pub valid: Duration,
    /// How long they stay preferred; never longer than `valid`.
    pub preferred: Duration,
}

impl NdOption {
    /// Appends the option to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::SourceLinkLayerAddress(address) => {
                out.extend([SOURCE_LINK_LAYER_ADDRESS, 1]);
                out.extend(address);
            }
            Self::PrefixInformation(information) => information.encode(out),
            Self::Mtu(mtu) => {
                out.extend([MTU, 1, 0, 0]);
                out.extend(mtu.to_be_bytes());
            }
            Self::Other { kind, body } => {
                let units = u8::try_from((body.len() + 2).div_ceil(8)).unwrap_or(u8::MAX);
                let end = out.len() + usize::from(units) * 8;
                out.extend([*kind, units]);
                out.extend(body);
                out.resize(end, 0);
            }
        }
    }

    /// Reads the options that fill `bytes` to its end.
    ///
    /// # Errors
    ///
    /// [`DecodeError::OptionLength`] for an option of length 0, one past the end, or trailing bytes.
    pub fn decode_all(mut bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        let mut options = Vec::new();
        while !bytes.is_empty() {
            let &[kind, units, ..] = bytes else { return Err(DecodeError::OptionLength) };
            let len = usize::from(units) * 8;
            if len == 0 || len > bytes.len() {
                return Err(DecodeError::OptionLength);
            }
            let (option, rest) = bytes.split_at(len);
            options.push(Self::decode(kind, &option[2..]));
            bytes = rest;
        }
        Ok(options)
    }

    fn decode(kind: u8, body: &[u8]) -> Self {
        let known = match kind {
            SOURCE_LINK_LAYER_ADDRESS => body.try_into().ok().map(Self::SourceLinkLayerAddress),
            PREFIX_INFORMATION => PrefixInformation::decode(body).map(Self::PrefixInformation),
            MTU => decode_mtu(body).map(Self::Mtu),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other { kind, body: body.to_vec() })
    }
}

/// Two reserved bytes, then the MTU [RFC 4861 4.6.4]; `None` unless it is that, with the reserved bytes 0.
fn decode_mtu(body: &[u8]) -> Option<u32> {
    let (&[0, 0], mtu) = body.split_first_chunk()? else { return None };
    Some(u32::from_be_bytes(mtu.try_into().ok()?))
}

impl fmt::Display for NdOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceLinkLayerAddress(address) => {
                let octets = address.map(|octet| format!("{octet:02x}"));
                write!(f, "source link-layer address {}", octets.join(":"))
            }
            Self::PrefixInformation(information) => information.fmt(f),
            Self::Mtu(mtu) => write!(f, "mtu {mtu}"),
            Self::Other { kind, body } => write!(f, "option {kind} of {} bytes", body.len() + 2),
        }
    }
}

impl fmt::Display for PrefixInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, on_link, autonomous, valid, preferred } = self;
        let (l, a) = (u8::from(*on_link), u8::from(*autonomous));
        let (valid, preferred) = (lifetime(*valid), lifetime(*preferred));
        write!(f, "prefix {prefix}, L={l} A={a}, valid {valid}, preferred {preferred}")
    }
}

impl PrefixInformation {
    const PREFIX_LEN: u8 = 64;
    const ON_LINK: u8 = 0x80;
    const AUTONOMOUS: u8 = 0x40;

    fn encode(&self, out: &mut Vec<u8>) {
        let flags =
            if self.on_link { Self::ON_LINK } else { 0 } | if self.autonomous { Self::AUTONOMOUS } else { 0 };
        out.extend([PREFIX_INFORMATION, 4, Self::PREFIX_LEN, flags]);
        out.extend(seconds_u32(self.valid).to_be_bytes());
        out.extend(seconds_u32(self.preferred).to_be_bytes());
        out.extend([0; 4]);
        out.extend(self.prefix.network().octets());
    }

    /// Reads what follows type and length; `None` unless it is a /64 in the option's one shape, 32 bytes, with its
    /// reserved bits 0, so that nothing is lost in decoding.
    fn decode(body: &[u8]) -> Option<Self> {
        let (&[Self::PREFIX_LEN, flags], rest) = body.split_first_chunk()? else { return None };
        let (&valid, rest) = rest.split_first_chunk()?;
        let (&preferred, rest) = rest.split_first_chunk()?;
        let (&[0, 0, 0, 0], rest) = rest.split_first_chunk()? else { return None };
        let address = <[u8; 16]>::try_from(rest).ok()?.into();
        let prefix = Prefix64::containing(address);
        let known_flags = flags & (Self::ON_LINK | Self::AUTONOMOUS);
        (prefix.network() == address && flags == known_flags).then_some(Self {
            prefix,
            on_link: flags & Self::ON_LINK != 0,
            autonomous: flags & Self::AUTONOMOUS != 0,
            valid: Duration::from_secs(u32::from_be_bytes(valid).into()),
            preferred: Duration::from_secs(u32::from_be_bytes(preferred).into()),
        })
    }
}
