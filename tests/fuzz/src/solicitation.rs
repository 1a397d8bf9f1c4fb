//! Compares the validator of kernel and daemon with an independent implementation of
//! [RFC 4861 6.1.1](https://www.rfc-editor.org/rfc/rfc4861#section-6.1.1) and 6.1.2.

use crate::{plain::agreed_reason, seeds};

/// Writes every packet of the filter's table as a seed.
pub fn prepare() {
    seeds::write(seeds::packets());
}

/// Compares the verdicts on `packet`, which begins at its IPv6 header and may be cut off anywhere.
pub fn check(packet: &[u8]) {
    agreed_reason(packet);
}
