//! Options of neighbour discovery [RFC 4861 4.6](https://www.rfc-editor.org/rfc/rfc4861#section-4.6).

use std::{fmt, time::Duration};

use super::{
    error::DecodeError,
    field::{lifetime, seconds_u32},
};
use crate::addr::{Prefix64, shown_link_address};

const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const PREFIX_INFORMATION: u8 = 3;
const MTU: u8 = 5;

/// An option of a neighbour-discovery message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NdOption {
    /// Source Link-Layer Address of six bytes [RFC 4861 4.6.1].
    SourceLinkLayerAddress([u8; 6]),
    /// Prefix Information of a /64 [RFC 4861 4.6.2].
    PrefixInformation(PrefixInformation),
    /// The link's MTU in bytes [RFC 4861 4.6.4].
    Mtu(u32),
    /// Any other option, or one of the types above in a form that its variant cannot represent.
    Other {
        /// The option's type.
        kind: u8,
        /// The 8n - 2 bytes after type and length.
        body: Vec<u8>,
    },
}

/// A Prefix Information option for a prefix of 64 bits
/// [RFC 4861 4.6.2](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.2).
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
    /// L: guests reach neighbours in this prefix directly, without the router.
    pub on_link: bool,
    /// A: guests form addresses in this prefix
    /// [RFC 4862 5.5.3](https://www.rfc-editor.org/rfc/rfc4862#section-5.5.3).
    pub autonomous: bool,
    /// Valid Lifetime, in whole seconds; [`INFINITE_LIFETIME`](super::INFINITE_LIFETIME) or more never ends.
    pub valid: Duration,
    /// Preferred Lifetime, in whole seconds, at most `valid`.
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

    /// Decodes the options that fill `bytes` to the end.
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

/// Decodes two reserved bytes and the MTU [RFC 4861
/// 4.6.4](https://www.rfc-editor.org/rfc/rfc4861#section-4.6.4). Returns `None` for another length or
/// reserved bytes other than 0.
fn decode_mtu(body: &[u8]) -> Option<u32> {
    let (&[0, 0], mtu) = body.split_first_chunk()? else { return None };
    Some(u32::from_be_bytes(mtu.try_into().ok()?))
}

impl fmt::Display for NdOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceLinkLayerAddress(address) => {
                write!(f, "source link-layer address {}", shown_link_address(*address))
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
        let flags = if self.on_link { Self::ON_LINK } else { 0 } | if self.autonomous { Self::AUTONOMOUS } else { 0 };
        out.extend([PREFIX_INFORMATION, 4, Self::PREFIX_LEN, flags]);
        out.extend(seconds_u32(self.valid).to_be_bytes());
        out.extend(seconds_u32(self.preferred).to_be_bytes());
        out.extend([0; 4]);
        out.extend(self.prefix.network().octets());
    }

    /// Decodes the 30 bytes after type and length. Returns `None` unless they hold a /64 with all reserved
    /// bits 0, so that decoding loses nothing.
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
