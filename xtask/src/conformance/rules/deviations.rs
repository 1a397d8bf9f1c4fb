//! Where this daemon does something else on purpose. A short list, and it should stay one.

use super::super::Deviation;

pub(crate) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        name: "extension-headers",
        reason: "A solicitation behind extension headers is dropped. No host sends one; they \
                 serve to get around filters, and the program in the kernel need not follow \
                 them.",
    },
    Deviation {
        name: "sixteen-options",
        reason: "A solicitation with more than 16 options is dropped. No host sends one, and \
                 the kernel's verifier wants a bound.",
    },
    Deviation {
        name: "right-after-a-fragment",
        reason: "A good solicitation that comes less than 100 ms after a fragmented one on \
                 the same interface may get no answer: the filter cannot tell that the first \
                 was fragmented and holds the second back, and the daemon takes that back at \
                 most ten times a second, so that a flood of fragments wakes it no more \
                 often. The host asks again 4 s later.",
    },
    Deviation {
        name: "fixed-variables",
        reason: "Cur Hop Limit, Reachable Time and Retrans Timer are always 0 (unspecified), \
                 M and O are never set (there is no DHCPv6), an MTU option has the link's own \
                 MTU or is left out, and the prefix has L=0 (guests of one hypervisor are strangers to one another) and \
                 A=1 (guests are there to make addresses).",
    },
    Deviation {
        name: "one-set-of-values",
        reason: "Settings hold for all interfaces of a daemon alike. Which interfaces are \
                 served, and with which prefix, is read from the kernel: exactly one /64, on \
                 an interface that forwards. For a second set of values run a second daemon, \
                 with another regular expression.",
    },
    Deviation {
        name: "other-defaults",
        reason: "Guests come and go: advertisements every 20 to 60 s instead of 200 to 600 s, \
                 a Router Lifetime of 180 s (or 3 times the longest interval, if that is \
                 more) instead of 1,800 s, Valid and Preferred Lifetime of 1 day and 4 hours \
                 instead of 30 and 7 days. MinRtrAdvInterval is 20 s or 3/4 of \
                 MaxRtrAdvInterval, whichever is less.",
    },
    Deviation {
        name: "one-final-advertisement",
        reason: "Where a few final advertisements are asked for, one leaves: on a virtual \
                 link it is not lost, and it does not hold up the address that follows.",
    },
    Deviation {
        name: "no-comparison",
        reason: "Any other router on a served link is one too many there: every one is \
                 counted and warned of, with its source and Router Lifetime, and what it says \
                 is not compared. Behind the classic filter other routers go unseen.",
    },
    Deviation {
        name: "reassembled-advertisement",
        reason: "An advertisement of another router that came in fragments is warned of like \
                 any other: the filter sees it reassembled, and it never reaches the daemon, \
                 which could tell. Nothing else is done with it.",
    },
    Deviation {
        name: "eight-withdrawn-prefixes",
        reason: "At most 8 stale prefixes ride along, the oldest go first: an advertisement \
                 has to fit into the least MTU.",
    },
    Deviation {
        name: "no-site-local-prefix",
        reason: "Site-local prefixes are deprecated (RFC 3879) and not served.",
    },
    Deviation {
        name: "delay-behind-the-floor",
        reason: "The case's second solicitation comes less than 3 s after the answer to the \
                 first. Its answer leaves 3 s plus a delay of its own after that one, as RFC \
                 4861 6.2.6 has it: up to 1 s after the solicitation.",
    },
];
