//! The router constants of [RFC 4861 10](https://www.rfc-editor.org/rfc/rfc4861#section-10), under the RFC's
//! names.

use std::time::Duration;

/// The shortest time between two multicast RAs on one interface, whatever their cause
/// [[RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6)].
pub const MIN_DELAY_BETWEEN_RAS: Duration = Duration::from_secs(3);

/// The longest random delay of a solicited RA
/// [[RFC 4861 6.2.6](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.6)].
pub const MAX_RA_DELAY_TIME: Duration = Duration::from_millis(500);

/// The longest interval within the initial burst
/// [[RFC 4861 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4)].
pub const MAX_INITIAL_RTR_ADVERT_INTERVAL: Duration = Duration::from_secs(16);

/// The number of RAs in the initial burst
/// [[RFC 4861 6.2.4](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.4)].
pub const MAX_INITIAL_RTR_ADVERTISEMENTS: u8 = 3;

/// The number of final RAs that may be sent [[RFC 4861
/// 6.2.5](https://www.rfc-editor.org/rfc/rfc4861#section-6.2.5)]. A final RA that left is not repeated, so
/// this bounds the tries.
pub const MAX_FINAL_RTR_ADVERTISEMENTS: u32 = 3;
