//! What differs between machines of different architectures.

use clap::ValueEnum;

/// An architecture, by Debian's name of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// Returns QEMU's arguments for a machine and its processor.
    ///
    /// Emulated, which works on every host: /dev/kvm may exist and not work. QEMU spends most of its time on arm64 with
    /// the architecture's own algorithm of pointer authentication, which nothing here depends on
    /// (docs/system/arm/cpu-features.rst).
    pub(crate) const fn machine(self) -> [&'static str; 4] {
        match self {
            Self::Amd64 => ["-machine", "pc,accel=tcg", "-cpu", "max"],
            Self::Arm64 => ["-machine", "virt,accel=tcg", "-cpu", "max,pauth-impdef=on"],
        }
    }

    /// Returns the kernel's name of the first serial line.
    pub(crate) const fn console(self) -> &'static str {
        match self {
            Self::Amd64 => "ttyS0",
            Self::Arm64 => "ttyAMA0",
        }
    }

    /// Returns further arguments of the kernel. Where the emulator gets little time, amd64's kernel finds that its
    /// timer does not work, and panics (`check_timer()`, arch/x86/kernel/apic/io_apic.c, Linux 6.12).
    pub(crate) const fn kernel_arguments(self) -> &'static str {
        match self {
            Self::Amd64 => "no_timer_check",
            Self::Arm64 => "",
        }
    }

    /// Returns Debian's folder of libraries, below `lib` and `usr/lib`.
    pub(crate) const fn libraries(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }
}
