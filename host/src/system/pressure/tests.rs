#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::{system_fields::bit, v1::FieldErrorReason};

use crate::system::tests::{Tree, errors};

const SOME: &str = "some avg10=1.50 avg60=0.00 avg300=0.00 total=12\n";
const FULL: &str = "full avg10=0.25 avg60=0.00 avg300=0.00 total=3\n";

#[test]
fn a_kernel_of_today() {
    let tree = Tree::new();
    for name in ["cpu", "memory", "io"] {
        tree.write(&format!("proc/pressure/{name}"), &format!("{SOME}{FULL}"));
    }
    tree.write("proc/pressure/irq", FULL);
    let mut reader = tree.reader();
    let system = reader.read(bit::PRESSURE);
    assert_eq!(errors(&system), []);
    let pressure = system.pressure.unwrap();
    let memory = pressure.memory.unwrap();
    assert_eq!(memory.some.unwrap().ten_seconds_ratio, 0.015);
    assert_eq!(memory.full.unwrap().total_ns, 3_000);
    assert_eq!(pressure.irq.unwrap().some, None);
    assert_eq!((pressure.cpu, pressure.io), (Some(memory), Some(memory)));
    tree.write("proc/pressure/io", &SOME.replace("total=12", "total=13"));
    let io = reader.read(bit::PRESSURE).pressure.unwrap().io.unwrap();
    assert_eq!((io.some.unwrap().total_ns, io.full), (13_000, None));
}

#[test]
fn a_kernel_without_it_says_so_once() {
    let system = Tree::new().reader().read(bit::PRESSURE);
    assert_eq!(errors(&system), [("pressure", FieldErrorReason::Unsupported)]);
    assert!(system.errors[0].detail.contains("psi=1"), "{}", system.errors[0].detail);
    assert_eq!(system.pressure, None);
}

#[test]
fn what_one_resource_lacks_the_others_have() {
    let tree =
        Tree::new().with("proc/pressure/cpu", SOME).with("proc/pressure/memory", "torn").with("proc/pressure/io", "");
    let system = tree.reader().read(bit::PRESSURE);
    let expected = [
        ("pressure.memory", FieldErrorReason::InvalidData),
        ("pressure.io", FieldErrorReason::InvalidData),
        ("pressure.irq", FieldErrorReason::Unsupported),
    ];
    assert_eq!(errors(&system), expected);
    let pressure = system.pressure.unwrap();
    assert!(pressure.cpu.is_some() && pressure.memory.is_none() && pressure.io.is_none());
}
