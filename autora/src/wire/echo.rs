//! Echo requests and replies [RFC 4443 4.1, 4.2](https://www.rfc-editor.org/rfc/rfc4443#section-4.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+-------------------------------+
//! | 128, reply 129|   Code = 0    |           Checksum            |
//! +---------------+---------------+-------------------------------+
//! |          Identifier           |        Sequence Number        |
//! +-------------------------------+-------------------------------+
//! ```

use super::error::DecodeError;

/// ICMPv6 type of an echo request.
pub const ECHO_REQUEST: u8 = 128;

/// ICMPv6 type of an echo reply.
pub const ECHO_REPLY: u8 = 129;

/// Length of an echo message without data.
const LEN: usize = 8;

/// What an echo request says, and its reply repeats. The requests here have no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The identifier, one for each sender.
    pub identifier: u16,
    /// The sequence number.
    pub sequence: u16,
}

impl Echo {
    /// Appends a request to `out`, with a checksum of 0.
    pub fn encode_request(self, out: &mut Vec<u8>) {
        out.extend([ECHO_REQUEST, 0, 0, 0]);
        out.extend(self.identifier.to_be_bytes());
        out.extend(self.sequence.to_be_bytes());
    }

    /// Decodes a reply to a request without data. The checksum is not verified.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`] if bytes are missing, [`DecodeError::WrongType`] for another message, or a reply with
    /// data, which was not sent.
    pub fn decode_reply(message: &[u8]) -> Result<Self, DecodeError> {
        let &[kind, code, _, _, id_high, id_low, sequence_high, sequence_low, ref data @ ..] = message else {
            return Err(DecodeError::Truncated { len: message.len(), needed: LEN });
        };
        if (kind, code) != (ECHO_REPLY, 0) || !data.is_empty() {
            return Err(DecodeError::WrongType);
        }
        Ok(Self {
            identifier: u16::from_be_bytes([id_high, id_low]),
            sequence: u16::from_be_bytes([sequence_high, sequence_low]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLY: [u8; 8] = [129, 0, 0xab, 0xcd, 1, 2, 3, 4];

    #[test]
    fn a_request_has_identifier_and_sequence() {
        let mut out = vec![0xaa];
        Echo { identifier: 0x0102, sequence: 0x0304 }.encode_request(&mut out);
        assert_eq!(out, [0xaa, 128, 0, 0, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn only_a_reply_without_data_decodes() {
        assert_eq!(Echo::decode_reply(&REPLY), Ok(Echo { identifier: 0x0102, sequence: 0x0304 }));
        let with = |at: usize, value: u8| {
            let mut reply = REPLY;
            reply[at] = value;
            reply
        };
        assert_eq!(Echo::decode_reply(&with(0, ECHO_REQUEST)), Err(DecodeError::WrongType));
        assert_eq!(Echo::decode_reply(&with(1, 1)), Err(DecodeError::WrongType));
        assert_eq!(Echo::decode_reply(&[&REPLY[..], &[0]].concat()), Err(DecodeError::WrongType));
        assert_eq!(Echo::decode_reply(&REPLY[..7]), Err(DecodeError::Truncated { len: 7, needed: 8 }));
    }
}
