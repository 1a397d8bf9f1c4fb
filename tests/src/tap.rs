//! Tap devices, whose other end the test holds open as a hypervisor does.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::fd::AsRawFd,
};

use nix::libc;

use crate::{
    capture::{Capture, Handle},
    link::Interface,
    namespace::Namespace,
};

/// A tap device; without carrier until [`Tap::open`].
#[derive(Debug)]
pub struct Tap {
    /// The host's interface.
    pub interface: Interface,
    handle: Handle,
}

impl Tap {
    /// Makes a tap device that is up and not yet opened.
    #[must_use]
    pub fn new(namespace: &Namespace, name: &str) -> Self {
        namespace.ip(&format!("tuntap add dev {name} mode tap"));
        let interface = Interface::existing(namespace, name);
        interface.set("up");
        Self { interface, handle: Handle::default() }
    }

    /// Opens the device, which then has carrier until [`Tap::close`].
    pub fn open(&mut self) {
        let name = self.interface.name();
        let opened = self.interface.namespace().enter(|| attach(name, libc::IFF_TAP));
        self.set(Some(opened));
    }

    /// Closes the device, which loses its carrier and stays.
    pub fn close(&mut self) {
        self.set(None);
    }

    fn set(&mut self, handle: Option<File>) {
        *self.handle.lock().expect("no thread panics with it") = handle;
    }

    /// Sends a frame to the host as the guest.
    pub fn send(&self, frame: &[u8]) {
        let handle = self.handle.lock().expect("no thread panics with it");
        handle.as_ref().expect("the tap is open").write_all(frame).expect("a tap takes a frame");
    }

    /// Captures what the guest receives. Only the capture reads the device, and only while a test waits for a
    /// frame: at other times the guest is one that is paused, and its queue fills.
    #[must_use]
    pub fn capture(&self) -> Capture {
        Capture::of_tap(&self.interface, self.handle.clone())
    }
}

/// Opens a tun device, which has no link-layer address. It has carrier until the file is closed.
#[must_use]
pub fn open_tun(namespace: &Namespace, name: &str) -> File {
    namespace.enter(|| attach(name, libc::IFF_TUN))
}

/// Opens a tap device. It has carrier until the file is closed.
#[must_use]
pub fn open_tap(namespace: &Namespace, name: &str) -> File {
    namespace.enter(|| attach(name, libc::IFF_TAP))
}

fn attach(name: &str, mode: i32) -> File {
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun").expect("the kernel has tun");
    // SAFETY: `ifreq` is plain data for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        // A C character has a sign on some architectures.
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_flags = i16::try_from(mode | libc::IFF_NO_PI).expect("the flags are a 16-bit field");
    // SAFETY: TUNSETIFF reads and writes one `ifreq`, which lives across the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    assert_eq!(result, 0, "opening {name}: {}", std::io::Error::last_os_error());
    file
}
