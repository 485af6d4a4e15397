//! `ioctl(SIOCETHTOOL)`: speed and duplex of a link, as its driver tells them (include/uapi/linux/ethtool.h, net/ethtool/ioctl.c). The
//! kernel asks the driver under a lock of all interfaces, one call for each.

use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::io::Errno;

/// `SIOCETHTOOL` (include/uapi/linux/sockios.h).
const SIOCETHTOOL: u32 = 0x8946;
/// `ETHTOOL_GSET`, before kernel 4.6, and `ETHTOOL_GLINKSETTINGS`.
const GET_SETTINGS: u32 = 0x1;
const GET_LINK_SETTINGS: u32 = 0x4c;
/// Words of the three masks of link modes: as many as an answer can ever have (the number is an `s8`).
const MASK_WORDS_MAX: usize = 3 * 127;
/// `IFNAMSIZ`.
const NAME_BYTES: usize = 16;

/// `struct ethtool_link_settings` with room for the masks, which are not looked at.
#[repr(C)]
struct LinkSettings {
    command: u32,
    speed: u32,
    duplex: u8,
    others: [u8; 6],
    mask_words: i8,
    more: [u8; 4],
    reserved: [u32; 7],
    masks: [u32; MASK_WORDS_MAX],
}

/// `struct ethtool_cmd`.
#[repr(C)]
struct Settings {
    command: u32,
    supported: u32,
    advertising: u32,
    speed: u16,
    duplex: u8,
    others: [u8; 13],
    speed_high: u16,
    rest: [u8; 14],
}

/// `struct ifreq`.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; NAME_BYTES],
    data: *mut libc::c_void,
    /// The union in the kernel's structure is larger than a pointer; it copies all of it in.
    rest: [u8; 24 - size_of::<*mut libc::c_void>()],
}

/// What a driver says of a link, raw: unknown speeds and duplexes have numbers too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkSpeed {
    /// Megabits per second.
    pub(crate) speed: u32,
    /// `DUPLEX_HALF` 0, `DUPLEX_FULL` 1, `DUPLEX_UNKNOWN` 255.
    pub(crate) duplex: u8,
}

/// Asks drivers for speeds.
#[derive(Debug, Default)]
pub(crate) struct Ethtool {
    /// What the kernel wants to hear: how many words its masks have, negated by its first answer, which holds nothing else.
    mask_words: i8,
}

impl Ethtool {
    /// The speed of an interface of the network namespace of `socket`, which may be a socket of any kind.
    ///
    /// # Errors
    /// `OPNOTSUPP`: the driver has no such thing; `NODEV`: there is no such interface; `INVAL`, `BUSY`: as drivers like.
    pub(crate) fn link_speed(&mut self, socket: BorrowedFd<'_>, name: &[u8]) -> Result<LinkSpeed, Errno> {
        let answered = match self.link_settings(socket, name) {
            // The kernel told how many words it wants.
            Ok(LinkSettings { mask_words: words @ ..0, .. }) => {
                self.mask_words = words.checked_neg().ok_or(Errno::INVAL)?;
                self.link_settings(socket, name)
            }
            other => other,
        };
        match answered {
            Ok(LinkSettings { mask_words: ..0, .. }) => Err(Errno::INVAL),
            Ok(settings) => Ok(LinkSpeed { speed: settings.speed, duplex: settings.duplex }),
            // A kernel without the newer question, as far as can be told: nobody has answered it.
            Err(Errno::OPNOTSUPP) if self.mask_words == 0 => older(socket, name),
            Err(errno) => Err(errno),
        }
    }

    fn link_settings(&self, socket: BorrowedFd<'_>, name: &[u8]) -> Result<LinkSettings, Errno> {
        let mut settings = LinkSettings {
            command: GET_LINK_SETTINGS,
            speed: 0,
            duplex: 0,
            others: [0; 6],
            mask_words: self.mask_words,
            more: [0; 4],
            reserved: [0; 7],
            masks: [0; MASK_WORDS_MAX],
        };
        ask(socket, name, &mut settings)?;
        Ok(settings)
    }
}

fn older(socket: BorrowedFd<'_>, name: &[u8]) -> Result<LinkSpeed, Errno> {
    let mut settings = Settings {
        command: GET_SETTINGS,
        supported: 0,
        advertising: 0,
        speed: 0,
        duplex: 0,
        others: [0; 13],
        speed_high: 0,
        rest: [0; 14],
    };
    ask(socket, name, &mut settings)?;
    Ok(LinkSpeed { speed: u32::from(settings.speed_high) << 16 | u32::from(settings.speed), duplex: settings.duplex })
}

/// A structure that begins with a command of ethtool, and is as large as whatever the kernel writes for it.
trait Command {}
impl Command for LinkSettings {}
impl Command for Settings {}

fn ask<T: Command>(socket: BorrowedFd<'_>, name: &[u8], command: &mut T) -> Result<(), Errno> {
    let mut request = InterfaceRequest {
        name: [0; NAME_BYTES],
        data: std::ptr::from_mut(command).cast(),
        rest: [0; 24 - size_of::<*mut libc::c_void>()],
    };
    // The last byte stays zero; a longer name is no name of an interface.
    let room = request.name.get_mut(..name.len()).filter(|room| room.len() < NAME_BYTES).ok_or(Errno::NODEV)?;
    room.copy_from_slice(name);
    // SAFETY: `request` is a `struct ifreq` whose pointer leads to `command`, a structure that the kernel reads and writes no further than
    // its end: `ETHTOOL_GSET` writes a `struct ethtool_cmd`, `ETHTOOL_GLINKSETTINGS` the fixed part and three masks of `mask_words` words,
    // a positive i8, for which there is room. Both are plain integers: any bytes are a valid value. Both outlive the call.
    let returned = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    super::result(returned.into()).map(|_| ())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{net::UdpSocket, os::fd::AsFd as _};

    use super::*;

    #[test]
    fn structures_have_the_sizes_of_the_kernel() {
        assert_eq!(size_of::<LinkSettings>(), 48 + 4 * MASK_WORDS_MAX);
        assert_eq!(std::mem::offset_of!(LinkSettings, mask_words), 15);
        assert_eq!((size_of::<Settings>(), std::mem::offset_of!(Settings, speed_high)), (44, 28));
        assert_eq!(size_of::<InterfaceRequest>(), 40);
    }

    #[test]
    fn loopback_has_no_speed_and_what_is_not_there_has_no_driver() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut ethtool = Ethtool::default();
        let loopback = ethtool.link_speed(socket.as_fd(), b"lo");
        // EOPNOTSUPP of the driver; a sandbox may refuse the question otherwise.
        assert!(loopback.is_err(), "{loopback:?}");
        assert!(ethtool.link_speed(socket.as_fd(), b"no-such-one").is_err());
        for name in [b"fifteen-bytes-1x".as_slice(), &[b'x'; 100]] {
            assert_eq!(ethtool.link_speed(socket.as_fd(), name), Err(Errno::NODEV));
        }
    }

    #[test]
    fn speeds_are_those_of_sysfs() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut ethtool = Ethtool::default();
        for entry in std::fs::read_dir("/sys/class/net").into_iter().flatten() {
            let entry = entry.unwrap();
            let read = |file| std::fs::read_to_string(entry.path().join(file)).ok().map(|text| text.trim().to_owned());
            // Unknown, or the link is down.
            let Some(speed) = read("speed").and_then(|text| text.parse::<i64>().ok()) else { continue };
            let name = entry.file_name();
            let Ok(told) = ethtool.link_speed(socket.as_fd(), std::os::unix::ffi::OsStrExt::as_bytes(&*name)) else {
                continue;
            };
            assert_eq!(i64::from(told.speed.cast_signed()), speed, "{name:?}");
            let duplex = match told.duplex {
                0 => "half",
                1 => "full",
                _ => "unknown",
            };
            assert_eq!(read("duplex").as_deref(), Some(duplex), "{name:?}");
        }
    }
}
