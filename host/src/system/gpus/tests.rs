//! Cards, on trees made to the kernel's documentation and with a made library.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;

use procwire_proto::{
    system_fields::bit,
    v1::{FieldErrorReason, Gpu, SampleTime},
};

use super::{super::made_tree::MadeTree, nvidia::Library, *};
use crate::sys::{Nvml, nvml_tests::made_library};

/// A card at a place of the bus, with these files of its device.
fn with_card(tree: MadeTree, number: u32, address: &str, driver: &str, files: &str) -> MadeTree {
    let device = format!("sys/devices/pci0000:00/{address}");
    tree.with(&device, files)
        .with(&format!("{device}/drm/card{number}"), "dev 226:0")
        .with(&format!("sys/bus/pci/drivers/{driver}"), "")
        .with_link(&format!("{device}/driver"), &format!("../../../bus/pci/drivers/{driver}"))
        .with_link(&format!("{device}/drm/card{number}/device"), &format!("../../../{address}"))
        .with_link(
            &format!("sys/class/drm/card{number}"),
            &format!("../../devices/pci0000:00/{address}/drm/card{number}"),
        )
}

fn gpus(tree: &MadeTree) -> Vec<Gpu> {
    let system = tree.read(bit::GPUS);
    assert_eq!(system.errors, []);
    system.gpus
}

fn reasons(row: &Gpu) -> Vec<(&str, FieldErrorReason)> {
    row.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect()
}

const AMD: &str =
    "vendor 0x1002\ndevice 0x73bf\nmem_info_vram_total 17163091968\nmem_info_vram_used 1073741824\ngpu_busy_percent 37
    hwmon/hwmon4/temp1_input 54000\nhwmon/hwmon4/power1_average 87000000\nproduct_name Made Up";

#[test]
fn a_card_whose_driver_tells_all() {
    let tree = with_card(MadeTree::new(), 0, "0000:03:00.0", "amdgpu", AMD);
    let expected = Gpu {
        name: "card0".to_owned(),
        address: Some("0000:03:00.0".to_owned()),
        driver: Some("amdgpu".to_owned()),
        model: Some(b"Made Up".to_vec()),
        vendor_id: Some(0x1002),
        device_id: Some(0x73bf),
        memory_total_bytes: Some(17_163_091_968),
        memory_used_bytes: Some(1 << 30),
        busy_ratio: Some(0.37),
        celsius: Some(54.0),
        watts: Some(87.0),
        errors: vec![],
    };
    assert_eq!(gpus(&tree), [expected]);
}

#[test]
fn a_card_whose_driver_tells_nothing_is_there() {
    let tree = with_card(MadeTree::new(), 1, "0000:00:02.0", "i915", "vendor 0x8086\ndevice 0x46a6")
        .with("sys/class/drm/card1-HDMI-A-1", "status connected")
        .with("sys/class/drm/renderD128", "dev 226:128")
        .with("sys/class/drm/version", "");
    let [row] = gpus(&tree).try_into().unwrap();
    assert_eq!((row.name.as_str(), row.driver.as_deref(), row.vendor_id), ("card1", Some("i915"), Some(0x8086)));
    assert_eq!((row.memory_total_bytes, row.busy_ratio, row.errors.len()), (None, None, 0));
}

#[test]
fn cards_of_other_buses_have_no_address() {
    let tree = MadeTree::new()
        .with("sys/devices/platform/axi/gpu/drm/card0", "dev 226:0")
        .with_link("sys/devices/platform/axi/gpu/drm/card0/device", "../../../gpu")
        .with_link("sys/class/drm/card0", "../../devices/platform/axi/gpu/drm/card0")
        .with("sys/devices/pci0000:00/0000:00:05.0/virtio3/drm/card1", "dev 226:1")
        .with("sys/devices/pci0000:00/0000:00:05.0", "vendor 0x1af4\ndevice 0x1050")
        .with_link("sys/devices/pci0000:00/0000:00:05.0/virtio3/drm/card1/device", "../../../virtio3")
        .with_link("sys/class/drm/card1", "../../devices/pci0000:00/0000:00:05.0/virtio3/drm/card1");
    let rows = gpus(&tree);
    assert_eq!((rows[0].address.as_deref(), rows[0].vendor_id), (None, None));
    assert_eq!((rows[1].address.as_deref(), rows[1].device_id), (Some("0000:00:05.0"), Some(0x1050)));
}

#[test]
fn a_card_that_sleeps_is_not_woken() {
    let tree = with_card(MadeTree::new(), 0, "0000:03:00.0", "amdgpu", AMD)
        .with("sys/devices/pci0000:00/0000:03:00.0/power", "runtime_status suspended\ncontrol auto");
    let [row] = gpus(&tree).try_into().unwrap();
    assert_eq!((row.memory_used_bytes, row.busy_ratio, row.celsius, row.watts), (Some(1 << 30), None, None, None));
    let asleep = FieldErrorReason::ReadFailed;
    assert_eq!(reasons(&row), [("busy_ratio", asleep), ("celsius", asleep), ("watts", asleep)]);
}

#[test]
fn files_that_fail_or_lie_are_told_with_their_reason() {
    let files =
        "vendor nonsense\ndevice 0xfffffffff\nmem_info_vram_total -1\ngpu_busy_percent 101\nhwmon/hwmon4/temp1_input x";
    let tree = with_card(MadeTree::new(), 0, "0000:03:00.0", "amdgpu", files);
    fs::create_dir(tree.path("sys/devices/pci0000:00/0000:03:00.0/mem_info_vram_used")).unwrap();
    let [row] = gpus(&tree).try_into().unwrap();
    let invalid = FieldErrorReason::InvalidData;
    let expected = [
        ("memory_total_bytes", invalid),
        ("memory_used_bytes", FieldErrorReason::ReadFailed),
        ("busy_ratio", invalid),
        ("celsius", invalid),
    ];
    assert_eq!(reasons(&row), expected);
    assert_eq!((row.vendor_id, row.device_id, row.watts), (None, None, None));
}

#[test]
fn a_kernel_without_graphics_says_so_and_one_without_cards_has_none() {
    let system = MadeTree::new().read(bit::GPUS);
    assert_eq!((system.gpus.len(), system.errors[0].reason()), (0, FieldErrorReason::Unsupported));
    assert_eq!(gpus(&MadeTree::new().with("sys/class/drm", "version drm 1.1.0")), []);
}

const INFORMATION: &str = "proc/driver/nvidia/gpus/0000:01:00.0/information";

#[test]
fn without_the_library_a_card_is_told_as_far_as_the_kernel_tells() {
    let tree = with_card(MadeTree::new(), 1, "0000:01:00.0", "nvidia", "vendor 0x10de\ndevice 0x2684")
        .with("proc/driver/nvidia", "version NVRM version: 550.0");
    tree.write(INFORMATION, "Model: \t\t NVIDIA Made Up\nDevice Minor: \t 0\n");
    tree.write("proc/driver/nvidia/gpus/0000:af:00.0/information", "Model: \t\t NVIDIA Server\nDevice Minor: \t 1\n");
    tree.write("sys/bus/pci/devices/0000:af:00.0/device", "0x20b0\n");
    let rows = gpus(&tree);
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.address.as_deref().unwrap(), row.model.as_deref().unwrap(), row.vendor_id))
        .collect();
    assert_eq!(
        told,
        [
            ("card1", "0000:01:00.0", &b"NVIDIA Made Up"[..], Some(0x10de)),
            ("nvidia1", "0000:af:00.0", b"NVIDIA Server", Some(0x10de))
        ],
        "one row for each card"
    );
    assert!(rows.iter().all(|row| row.errors.is_empty() && row.memory_total_bytes.is_none()), "{rows:?}");
    assert_eq!((rows[0].device_id, rows[1].device_id), (Some(0x2684), Some(0x20b0)));
}

/// What a reader with this library says.
fn with_library(tree: &MadeTree, library: Library) -> procwire_proto::v1::System {
    let mut gpus = Gpus::new(&tree.host());
    gpus.nvidia.use_library(library);
    let mut answer = Answer::new(bit::GPUS, SampleTime::default());
    gpus.read(&mut answer);
    answer.system
}

fn made(definitions: &[&str]) -> Option<Library> {
    let folder = tempfile::tempdir().unwrap();
    let path = made_library(folder.path(), definitions)?;
    Some(Library::Loaded(Nvml::load(&path).unwrap()))
}

#[test]
fn the_library_completes_the_cards_and_adds_others() {
    let Some(library) = made(&[]) else { return };
    let tree = with_card(MadeTree::new(), 0, "0000:01:00.0", "nvidia", "vendor 0x10de\ndevice 0x2684");
    tree.write("dev/nvidiactl", "");
    let system = with_library(&tree, library);
    let expected = Gpu {
        name: "card0".to_owned(),
        address: Some("0000:01:00.0".to_owned()),
        driver: Some("nvidia".to_owned()),
        model: Some(b"NVIDIA Made Up".to_vec()),
        vendor_id: Some(0x10de),
        device_id: Some(0x2684),
        memory_total_bytes: Some(24 << 30),
        memory_used_bytes: Some(1 << 30),
        busy_ratio: Some(0.37),
        celsius: Some(61.0),
        watts: Some(123.456),
        errors: vec![],
    };
    assert_eq!((system.gpus.len(), &system.gpus[0]), (2, &expected));
    let other = &system.gpus[1];
    assert_eq!((other.name.as_str(), other.address.as_deref()), ("nvidia1", Some("10000:af:00.0")));
    let expected = [
        ("memory_total_bytes", FieldErrorReason::PermissionDenied),
        ("memory_used_bytes", FieldErrorReason::PermissionDenied),
        ("busy_ratio", FieldErrorReason::Unsupported),
        ("celsius", FieldErrorReason::Timeout),
        ("watts", FieldErrorReason::ReadFailed),
    ];
    assert_eq!(reasons(other), expected);
    let lost: Vec<_> = system.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    assert_eq!(lost, [("gpus", FieldErrorReason::ReadFailed)], "the third is lost, and nobody knows where it was");
}

#[test]
fn a_library_that_is_there_and_no_use_says_why_in_each_row() {
    let tree = with_card(MadeTree::new(), 0, "0000:01:00.0", "nvidia", "vendor 0x10de");
    let tree = with_card(tree, 1, "0000:00:02.0", "i915", "vendor 0x8086");
    tree.write("dev/nvidiactl", "");
    let refused = with_library(&tree, Library::Refused("others may write".to_owned()));
    assert_eq!((refused.gpus[0].errors.len(), refused.gpus[1].errors.len()), (5, 0));
    assert_eq!(refused.gpus[0].errors[0].reason(), FieldErrorReason::Unsupported);
    let Some(library) = made(&["INIT_CODE=18"]) else { return };
    let mismatch = with_library(&tree, library);
    assert_eq!(mismatch.gpus[0].errors[4].detail, "nvmlInit_v2: NVML error 18");
    assert_eq!(mismatch.gpus[0].errors[4].reason(), FieldErrorReason::ReadFailed);
}

#[test]
fn the_library_is_not_asked_while_a_card_of_its_sleeps() {
    let Some(library) = made(&[]) else { return };
    let tree = with_card(MadeTree::new(), 0, "0000:01:00.0", "nvidia", "vendor 0x10de")
        .with("sys/devices/pci0000:00/0000:01:00.0/power", "runtime_status suspended\ncontrol auto")
        .with_link("sys/bus/pci/devices/0000:01:00.0", "../../../devices/pci0000:00/0000:01:00.0");
    tree.write("dev/nvidiactl", "");
    tree.write(INFORMATION, "Device Minor: 0\n");
    let system = with_library(&tree, library);
    assert_eq!((system.gpus.len(), system.gpus[0].celsius, system.gpus[0].errors.len()), (1, None, 5));
}
