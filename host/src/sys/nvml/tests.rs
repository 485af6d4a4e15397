//! The library as a made one shows it: on a machine with such a card its own is as good, and nobody has one at hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they skip"
)]

use std::{path::PathBuf, process::Command};

use super::*;

/// Builds the made library, as these definitions say; none where there is no C compiler.
pub(crate) fn made_library(folder: &Path, definitions: &[&str]) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sys/nvml/fake.c");
    let library = folder.join("libnvidia-ml.so.1");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(&library).args(definitions.iter().map(|name| format!("-D{name}")));
    match command.arg(source).output() {
        Ok(output) if output.status.success() => Some(library),
        Ok(output) => unreachable!("cc: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            eprintln!("skipped: NVML is tried on a library that cc would build, and cc does not start: {error}");
            None
        }
    }
}

#[test]
fn cards_are_told_as_far_as_the_driver_tells() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = made_library(folder.path(), &[]) else { return };
    let mut nvml = Nvml::load(&path).unwrap();
    for _ in 0..2 {
        let cards = nvml.cards().unwrap();
        assert_eq!(cards.len(), 3);
        let card = cards[0].as_ref().unwrap();
        assert_eq!((card.address.as_str(), card.vendor_id, card.device_id), ("0000:01:00.0", 0x10de, 0x2684));
        assert_eq!((card.minor, card.name.as_deref()), (Ok(0), Ok(&b"NVIDIA Made Up"[..])));
        assert_eq!(card.memory_bytes, Ok((24 << 30, 1 << 30)));
        assert_eq!((card.busy_percent, card.celsius, card.milliwatts), (Ok(37), Ok(61), Ok(123_456)));

        let card = cards[1].as_ref().unwrap();
        assert_eq!((card.address.as_str(), card.minor), ("10000:af:00.0", Ok(1)));
        assert_eq!(card.name.as_ref().unwrap().len(), LONGEST_NAME, "a name without an end ends with its room");
        let codes = [
            card.memory_bytes.unwrap_err().code,
            card.busy_percent.unwrap_err().code,
            card.celsius.unwrap_err().code,
            card.milliwatts.unwrap_err().code,
        ];
        assert_eq!(codes, [4, 3, 10, 999]);
        assert_eq!(cards[2].as_ref().unwrap_err().to_string(), "nvmlDeviceGetHandleByIndex_v2: NVML error 15");
        nvml.stop();
        assert!(!nvml.is_started, "and is started again by the next round");
    }
}

#[test]
fn a_library_that_does_not_start_says_so_and_a_function_it_lacks_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = made_library(folder.path(), &["INIT_CODE=18"]) else { return };
    assert_eq!(Nvml::load(&path).unwrap().cards().unwrap_err(), NvmlError { function: "nvmlInit_v2", code: 18 });
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = made_library(folder.path(), &["WITHOUT_POWER"]) else { return };
    let cards = Nvml::load(&path).unwrap().cards().unwrap();
    assert_eq!(cards[0].as_ref().unwrap().milliwatts.unwrap_err().code, FUNCTION_NOT_FOUND);
}

#[test]
fn what_is_no_library_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libnvidia-ml.so.1");
    let error = Nvml::load(&path).err().unwrap();
    assert!(error.contains("libnvidia-ml"), "{error}");
    std::fs::write(&path, "text").unwrap();
    assert!(Nvml::load(&path).is_err());
    // The environment is not asked where libraries are.
    assert_eq!(Nvml::load(Path::new("libc.so.6")).err().unwrap(), "libc.so.6 is not absolute");
}
