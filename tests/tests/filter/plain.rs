//! An independent implementation of the validator, written without regard to the kernel's verifier. The fuzz
//! targets use it too.

use autora_common::Reason;

/// Returns the reason for a packet, with branches, early returns and slices in place of the validator's sign
/// bits.
pub(crate) fn read_plainly(packet: &[u8]) -> Reason {
    if packet.len() < 40 {
        return Reason::TooShort;
    }
    if packet[6] != 58 {
        return Reason::NextHeader;
    }
    if packet.len() < 48 {
        return Reason::TooShort;
    }
    let kind = packet[40];
    let fixed_len = match kind {
        133 => 8,
        134 => 16,
        _ => return Reason::Type,
    };
    let reason = read_message(packet, fixed_len);
    if kind == 133 {
        return reason;
    }
    let link_local = packet[8] == 0xfe && packet[9] & 0xc0 == 0x80;
    let for_hosts_alone = [Reason::TooManyOptions, Reason::UnspecifiedWithSourceLinkLayer].contains(&reason);
    if link_local && (reason == Reason::Passed || for_hosts_alone) {
        Reason::OtherRouterAdvertisement
    } else {
        Reason::InvalidAdvertisement
    }
}

fn read_message(packet: &[u8], fixed_len: usize) -> Reason {
    if packet[7] != 255 {
        return Reason::HopLimit;
    }
    let len = usize::from(packet[4]) << 8 | usize::from(packet[5]);
    let Some(message) = packet[40..].get(..len).filter(|message| message.len() >= fixed_len) else {
        return Reason::TooShort;
    };
    if message[1] != 0 {
        return Reason::Code;
    }
    let (mut options, mut count, mut source_link_layer) = (&message[fixed_len..], 0, false);
    while !options.is_empty() {
        if count == 16 {
            return Reason::TooManyOptions;
        }
        let [kind, units, ..] = *options else { return Reason::OptionLength };
        if units == 0 || options.len() < usize::from(units) * 8 {
            return Reason::OptionLength;
        }
        options = &options[usize::from(units) * 8..];
        source_link_layer |= kind == 1;
        count += 1;
    }
    if source_link_layer && packet[8..24] == [0; 16] {
        return Reason::UnspecifiedWithSourceLinkLayer;
    }
    Reason::Passed
}
