//! What NVIDIA's driver says of a card in `/proc/driver/nvidia/gpus/ADDRESS/information`.

use super::lines;

/// What is used of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::system) struct Information<'a> {
    pub(in crate::system) model: Option<&'a [u8]>,
    /// Of its device file.
    pub(in crate::system) minor: Option<u32>,
}

/// Lines `Key: value`, the values padded with tabs and blanks.
pub(in crate::system) fn information(text: &[u8]) -> Information<'_> {
    let mut found = Information::default();
    for line in lines(text) {
        if let Some(model) = line.strip_prefix(b"Model:") {
            found.model = Some(model.trim_ascii()).filter(|model| !model.is_empty());
        } else if let Some(minor) = line.strip_prefix(b"Device Minor:") {
            found.minor = crate::procfs::number(minor).and_then(|minor| u32::try_from(minor).ok());
        }
    }
    found
}

/// True of "0000:01:00.0": domain, bus, device and function (drivers/pci/probe.c: `pci_setup_device`).
pub(in crate::system) fn is_pci_address(name: &[u8]) -> bool {
    let is_hex = |part: &[u8], least: usize, most: usize| {
        (least..=most).contains(&part.len()) && part.iter().all(u8::is_ascii_hexdigit)
    };
    let parts: Vec<_> = name.split(|byte| matches!(byte, b':' | b'.')).collect();
    matches!(parts.as_slice(), [domain, bus, device, function]
        if is_hex(domain, 4, 8) && is_hex(bus, 2, 2) && is_hex(device, 2, 2) && is_hex(function, 1, 1))
        && name.iter().filter(|byte| **byte == b'.').count() == 1
        && name.iter().rev().nth(1) == Some(&b'.')
}

/// "0x10de", a number of the bus.
pub(in crate::system) fn hexadecimal(text: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(text).ok()?.strip_prefix("0x")?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &[u8] =
        b"Model: \t\t NVIDIA GeForce RTX 3050 Laptop GPU\nIRQ:   \t\t 185\nGPU UUID: \t GPU-0\nVideo BIOS: \t 94.07\n\
        Bus Type: \t PCIe\nBus Location: \t 0000:01:00.0\nDevice Minor: \t 3\nGPU Excluded:\t No\n";

    #[test]
    fn a_card_of_a_laptop() {
        let expected = Information { model: Some(b"NVIDIA GeForce RTX 3050 Laptop GPU"), minor: Some(3) };
        assert_eq!(information(TEXT), expected);
        assert_eq!(information(b""), Information::default());
        assert_eq!(information(b"Model:\nDevice Minor: x\n"), Information::default());
    }

    #[test]
    fn addresses_on_the_bus() {
        for address in ["0000:01:00.0", "10000:af:1f.7", "0000:00:02.0"] {
            assert!(is_pci_address(address.as_bytes()), "{address}");
        }
        for other in [
            "",
            "virtio0",
            "gpu",
            "0000:01:00",
            "0000:01:00:0",
            "0000.01.00.0",
            "0000:01:00.00",
            "1-1.2:1.0",
            "000:01:00.0",
            "0000:1:00.0",
        ] {
            assert!(!is_pci_address(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn numbers_of_the_bus() {
        assert_eq!((hexadecimal(b"0x10de"), hexadecimal(b"0xffffffff")), (Some(0x10de), Some(u32::MAX)));
        for odd in [&b"10de"[..], b"0x", b"0x1ffffffff", b"0x-1", b"", b"0x\xff"] {
            assert_eq!(hexadecimal(odd), None, "{}", odd.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(text: Vec<u8>) {
            information(&text);
            is_pci_address(&text);
        }
    }
}
