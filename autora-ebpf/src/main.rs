//! The socket filter of autora: it decides which ICMPv6 packets wake the daemon.
//!
//! It runs on the daemon's one raw ICMPv6 socket, behind `ICMP6_FILTER` (types 133 and 134), once per packet
//! and in softirq. Its verdicts are the same under `BPF_PROG_TEST_RUN`, whose packets begin elsewhere (`skb`).
#![no_std]
#![no_main]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

mod skb;

use autora_common::{
    Advertisement, Message, Packet, Reason,
    maps::{CAPACITY, InterfaceStats, PENDING_HOLD, PendingMark},
    validate,
};
use aya_ebpf::{
    bindings::BPF_F_NO_PREALLOC,
    helpers::generated::bpf_ktime_get_boot_ns,
    macros::{map, socket_filter},
    maps::{HashMap, PerCpuArray},
    programs::SkBuffContext,
};
use aya_log_ebpf::trace;

use crate::skb::Skb;

// Without preallocation: memory for the served interfaces, not for the capacity.
#[map]
static SERVED: HashMap<u32, PendingMark> = HashMap::with_max_entries(CAPACITY, BPF_F_NO_PREALLOC);

#[map]
static INTERFACES: HashMap<u32, InterfaceStats> = HashMap::with_max_entries(CAPACITY, BPF_F_NO_PREALLOC);

#[map]
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
static TOTALS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Reason::COUNT as u32, 0);

#[expect(clippy::cast_possible_truncation, reason = "some seconds")]
const PENDING_HOLD_NS: u64 = PENDING_HOLD.as_nanos() as u64;

/// The whole packet goes to the socket.
const KEEP: i64 = u32::MAX as i64;
/// Nothing goes to the socket.
const DROP: i64 = 0;

/// The entry point: returns the number of bytes that the socket gets.
#[socket_filter]
#[expect(clippy::needless_pass_by_value, reason = "the macro calls it like that")]
fn autora(ctx: SkBuffContext) -> i64 {
    keep_or_drop(judge(&Skb(&ctx.skb)))
}

/// The same with a log record for each packet. It is a separate program, so that the other one has neither
/// the code nor the ring buffer.
#[socket_filter]
#[expect(clippy::needless_pass_by_value, reason = "as above")]
fn autora_traced(ctx: SkBuffContext) -> i64 {
    let skb = Skb(&ctx.skb);
    let reason = judge(&skb);
    trace!(&ctx, "{} {}", skb.ifindex(), reason);
    keep_or_drop(reason)
}

/// Judges and counts a packet. Returns the number of the reason.
///
/// The verifier would check the counting once for each reason that it knows, and without `CAP_PERFMON` it requires one
/// bound for the index there, not a known value on each path: so the value is hidden from it.
fn judge(skb: &Skb<'_>) -> u32 {
    let reason = skb.forget_value(try_filter(skb).err().unwrap_or(Reason::Passed) as u32);
    count(skb, reason);
    reason
}

fn keep_or_drop(reason: u32) -> i64 {
    if reason == Reason::Passed as u32 { KEEP } else { DROP }
}

fn try_filter(skb: &Skb<'_>) -> Result<(), Reason> {
    // The cheapest test first: a host may have many interfaces that are not served.
    let mark = SERVED.get_ptr_mut(skb.ifindex()).ok_or(Reason::NotServed)?;
    match validate(skb)? {
        Message::Solicitation => admit(mark),
        Message::Advertisement(advertisement) => {
            record(skb, advertisement);
            Err(Reason::OtherRouterAdvertisement)
        }
    }
}

/// Passes a valid solicitation and sets the pending mark, or coalesces it if the mark is set. Invalid ones
/// set no mark: they are dropped before this.
fn admit(mark: *mut PendingMark) -> Result<(), Reason> {
    // SAFETY: the pointer is that of a map value, which the kernel keeps until the program ends. Another CPU
    // may write it at the same time: volatile, so that it is read once and whole (as `READ_ONCE()` in the
    // kernel). Both CPUs may pass a solicitation, and then the daemon reads one more.
    let (now, since) = unsafe { (bpf_ktime_get_boot_ns(), mark.read_volatile()) };
    if since != 0 && now.saturating_sub(since) < PENDING_HOLD_NS {
        return Err(Reason::Coalesced);
    }
    // SAFETY: as above.
    unsafe { mark.write_volatile(now) };
    Ok(())
}

fn record(skb: &Skb<'_>, advertisement: Advertisement) {
    if let Some(stats) = INTERFACES.get_ptr_mut(skb.ifindex()) {
        let Advertisement { source: [source_high, source_low], router_lifetime } = advertisement;
        // SAFETY: as in `admit`. Each number is written whole; a mixture of two RAs is possible
        // (`OtherRouterAdvertisement`).
        unsafe {
            let other_router = &raw mut (*stats).other_router;
            (&raw mut (*other_router).source_high).write_volatile(source_high);
            (&raw mut (*other_router).source_low).write_volatile(source_low);
            (&raw mut (*other_router).router_lifetime).write_volatile(router_lifetime.into());
            (&raw mut (*other_router).seen).write_volatile(bpf_ktime_get_boot_ns());
        }
    }
}

fn count(skb: &Skb<'_>, reason: u32) {
    if let Some(total) = TOTALS.get_ptr_mut(reason) {
        // SAFETY: a value of this CPU, and no other run of the program interrupts this one. For the daemon
        // the kernel reads it from another CPU (`bpf_percpu_array_copy()` in kernel/bpf/arraymap.c, a
        // `READ_ONCE()` per number), hence volatile.
        unsafe { total.write_volatile(total.read_volatile() + 1) };
    }
    // An interface that is not served has no entry: skip the lookup.
    if reason != Reason::NotServed as u32
        && let Some(stats) = INTERFACES.get_ptr_mut(skb.ifindex())
    {
        count_here(stats, reason as usize);
    }
}

fn count_here(stats: *mut InterfaceStats, index: usize) {
    // SAFETY: computes a pointer into the map value and reads nothing.
    let counters = unsafe { &raw mut (*stats).counters };
    if index < Reason::COUNT {
        // SAFETY: within the array.
        increment(unsafe { counters.cast::<u64>().add(index) });
    }
}

/// Adds 1 to a counter that other CPUs may be adding to.
fn increment(counter: *mut u64) {
    // SAFETY: a pointer into a map value. In assembly, as the compiler has no atomics for BPF yet.
    #[cfg(target_arch = "bpf")]
    unsafe {
        core::arch::asm!("lock *(u64 *)({counter} + 0) += {one}", counter = in(reg) counter, one = in(reg) 1_u64);
    }
    // SAFETY: as above.
    #[cfg(not(target_arch = "bpf"))]
    unsafe {
        (*counter.cast::<core::sync::atomic::AtomicU64>()).fetch_add(1, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Required by the compiler; nothing here panics.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

// Some helpers are available only to programs that declare a licence compatible with the GPL.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
