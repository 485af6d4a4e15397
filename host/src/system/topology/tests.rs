#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{Cpu, CpuKind, FieldErrorReason, LogicalCpu, System},
};

use crate::system::tests::{Tree, errors};

const CPU: &str = "sys/devices/system/cpu";

/// Online processors with these `core_cpus_list`.
fn tree(lists: &[(u32, &str)]) -> Tree {
    let tree = Tree::new();
    let mut stat = "cpu 1 1 1 1\n".to_owned();
    for (number, list) in lists {
        stat += &format!("cpu{number} 1 1 1 1\n");
        tree.write(&format!("{CPU}/cpu{number}/topology/core_cpus_list"), &format!("{list}\n"));
        tree.write(&format!("{CPU}/cpu{number}/topology/core_id"), &format!("{}\n", number / 2));
        tree.write(&format!("{CPU}/cpu{number}/topology/physical_package_id"), "0\n");
    }
    let online: Vec<_> = lists.iter().map(|(number, _)| number.to_string()).collect();
    tree.write(&format!("{CPU}/online"), &format!("{}\n", online.join(",")));
    tree.write("proc/stat", &stat);
    tree
}

fn read(tree: &Tree, fields: SystemFieldSet) -> System {
    tree.reader().read(fields)
}

fn cpu(tree: &Tree, fields: SystemFieldSet) -> Cpu {
    let system = read(tree, fields);
    assert_eq!(errors(&system), []);
    system.cpu.unwrap()
}

fn why(system: &System) -> &str {
    &system.errors[0].detail
}

#[test]
fn threads_of_one_core_count_once() {
    let hyperthreads = tree(&[(0, "0,2"), (1, "1,3"), (2, "0,2"), (3, "1,3")]);
    assert_eq!(cpu(&hyperthreads, bit::CPU_PHYSICAL_COUNT).physical_count, Some(2));
    let single = tree(&[(0, "0"), (5, "5"), (12, "12")]);
    single.write(&format!("{CPU}/cpufreq/policy0/affected_cpus"), "0");
    single.write(&format!("{CPU}/cpuidle/current_driver"), "none");
    assert_eq!(cpu(&single, bit::CPU_PHYSICAL_COUNT).physical_count, Some(3));
}

#[test]
fn kernels_before_5_3_call_the_list_otherwise() {
    let tree = Tree::new();
    for (number, list) in [(0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3\n")] {
        tree.write(&format!("{CPU}/cpu{number}/topology/thread_siblings_list"), list);
    }
    assert_eq!(cpu(&tree, bit::CPU_PHYSICAL_COUNT).physical_count, Some(2));
}

#[test]
fn without_sysfs_cores_are_those_of_cpuinfo() {
    let text = "processor\t: 0\nphysical id\t: 0\ncpu cores\t: 4\n\nprocessor\t: 1\nphysical id\t: 1\ncpu cores\t: 4\n";
    let tree = Tree::new().with("proc/cpuinfo", text);
    assert_eq!(cpu(&tree, bit::CPU_PHYSICAL_COUNT).physical_count, Some(8));
    let arm = read(&Tree::new().with("proc/cpuinfo", "processor : 0\n"), bit::CPU_PHYSICAL_COUNT);
    assert_eq!(errors(&arm), [("cpu.physical_count", FieldErrorReason::Unsupported)]);
    assert!(why(&arm).contains("which processors share a core"), "{}", why(&arm));
    assert_eq!(arm.cpu.and_then(|cpu| cpu.physical_count), None);
}

#[test]
fn each_processor_knows_its_core_and_package() {
    let row =
        |number, core_id| LogicalCpu { number, core_id: Some(core_id), package_id: Some(0), ..LogicalCpu::default() };
    let fields = bit::CPU_CPUS_CORE_ID.union(bit::CPU_CPUS_PACKAGE_ID);
    assert_eq!(cpu(&tree(&[(0, "0"), (5, "5")]), fields).cpus, [row(0, 0), row(5, 2)]);
}

#[test]
fn a_package_that_the_firmware_does_not_tell_is_absent() {
    let tree = tree(&[(0, "0"), (1, "1")]);
    tree.write(&format!("{CPU}/cpu1/topology/physical_package_id"), "-1\n");
    tree.write(&format!("{CPU}/cpu0/topology/core_id"), "much\n");
    tree.remove(&format!("{CPU}/cpu1/topology/core_id"));
    let system = read(&tree, bit::CPU_CPUS_CORE_ID.union(bit::CPU_CPUS_PACKAGE_ID));
    let expected =
        [("cpu.cpus.core_id", FieldErrorReason::InvalidData), ("cpu.cpus.package_id", FieldErrorReason::Unsupported)];
    assert_eq!(errors(&system), expected);
    let rows: Vec<_> = system.cpu.unwrap().cpus.iter().map(|cpu| (cpu.core_id, cpu.package_id)).collect();
    assert_eq!(rows, [(None, Some(0)), (None, None)]);
}

#[test]
fn hybrid_processors_have_kinds_and_others_none() {
    let tree = tree(&[(0, "0"), (1, "1"), (2, "2"), (3, "3")]);
    assert!(cpu(&tree, bit::CPU_CPUS_KIND).cpus.iter().all(|cpu| cpu.kind.is_none()));
    tree.write("sys/devices/cpu_core/cpus", "0\n");
    tree.write("sys/devices/cpu_atom/cpus", "1-2\n");
    tree.write("sys/devices/cpu_lowpower/cpus", "7\n");
    let kinds: Vec<_> = cpu(&tree, bit::CPU_CPUS_KIND).cpus.iter().map(|cpu| cpu.kind.map(|_| cpu.kind())).collect();
    assert_eq!(kinds, [Some(CpuKind::Performance), Some(CpuKind::Efficiency), Some(CpuKind::Efficiency), None]);
    tree.write("sys/devices/cpu_lowpower/cpus", "3\n");
    assert_eq!(cpu(&tree, bit::CPU_CPUS_KIND).cpus[3].kind(), CpuKind::LowPower);
}

#[test]
fn capacities_are_there_or_not_without_error() {
    let tree = tree(&[(0, "0"), (1, "1")]);
    assert_eq!(cpu(&tree, bit::CPU_CPUS_CAPACITY).cpus[0].capacity, None);
    tree.write(&format!("{CPU}/cpu0/cpu_capacity"), "446\n");
    tree.write(&format!("{CPU}/cpu1/cpu_capacity"), "1024\n");
    let capacities: Vec<_> = cpu(&tree, bit::CPU_CPUS_CAPACITY).cpus.iter().map(|cpu| cpu.capacity).collect();
    assert_eq!(capacities, [Some(446), Some(1024)]);
}

#[test]
fn offline_is_what_is_present_and_off() {
    let offline = |present: &str, offline: &str| {
        let tree = Tree::new().with(&format!("{CPU}/present"), present).with(&format!("{CPU}/offline"), offline);
        cpu(&tree, bit::CPU_OFFLINE_CPUS).offline_cpus
    };
    assert_eq!(offline("0-7\n", "2,5-6\n"), [2, 5, 6]);
    assert_eq!(offline("0-7\n", "\n"), [] as [u32; 0]);
    assert_eq!(offline("0-3\n", "3,4-127,128-8191\n"), [3], "room for more is not there");
    assert_eq!(offline("0-3\n", ",128-8191\n"), [] as [u32; 0], "as the kernel writes it if none below is off");
}

#[test]
fn lists_that_are_none_are_told() {
    let system = read(&Tree::new().with(&format!("{CPU}/offline"), "3-1\n"), bit::CPU_OFFLINE_CPUS);
    assert_eq!(errors(&system), [("cpu.offline_cpus", FieldErrorReason::InvalidData)]);
    assert!(why(&system).ends_with("offline cannot be understood: \"3-1\""), "{}", why(&system));
    assert_eq!(
        errors(&read(&Tree::new(), bit::CPU_OFFLINE_CPUS)),
        [("cpu.offline_cpus", FieldErrorReason::Unsupported)]
    );
}

#[test]
fn models_are_read_again_when_processors_come_and_go() {
    let tree = tree(&[(0, "0"), (1, "1")]).with("proc/cpuinfo", "model name : A\n");
    let mut reader = tree.reader();
    let mut models = || reader.read(bit::CPU_MODELS).cpu.unwrap().models;
    assert_eq!(models(), [b"A"]);
    tree.write("proc/cpuinfo", "model name : B\n");
    assert_eq!(models(), [b"A"], "nothing has changed that a model hangs on");
    tree.write(&format!("{CPU}/online"), "0\n");
    assert_eq!(models(), [b"B"]);
}

#[test]
fn a_processor_that_goes_takes_its_core_with_it() {
    let tree = tree(&[(0, "0"), (1, "1"), (2, "2")]);
    let mut reader = tree.reader();
    let mut read = || {
        let fields = bit::CPU_CPUS_CORE_ID.union(bit::CPU_PHYSICAL_COUNT).union(bit::CPU_LOGICAL_COUNT);
        let system = reader.read(fields);
        assert_eq!(errors(&system), []);
        let cpu = system.cpu.unwrap();
        let rows: Vec<_> = cpu.cpus.iter().map(|cpu| (cpu.number, cpu.core_id.unwrap())).collect();
        (rows, cpu.physical_count.unwrap(), cpu.logical_count.unwrap())
    };
    assert_eq!(read(), (vec![(0, 0), (1, 0), (2, 1)], 3, 3));
    // What is kept is not asked for again.
    tree.write(&format!("{CPU}/cpu2/topology/core_id"), "9\n");
    assert_eq!(read().0[2], (2, 1));
    tree.remove(&format!("{CPU}/cpu1"));
    tree.write("proc/stat", "cpu 1 1 1 1\ncpu0 1 1 1 1\ncpu2 1 1 1 1\n");
    tree.write(&format!("{CPU}/online"), "0,2\n");
    assert_eq!(read(), (vec![(0, 0), (2, 9)], 2, 2));
}

#[test]
fn without_lines_in_stat_processors_are_counted_elsewhere() {
    let bare = || Tree::new().with("proc/stat", "cpu 1 1 1 1\n");
    let sysfs = bare().with(&format!("{CPU}/online"), "0-2,7\n");
    assert_eq!(cpu(&sysfs, bit::CPU_LOGICAL_COUNT).logical_count, Some(4));
    let cpuinfo = bare().with("proc/cpuinfo", "processor 0: version = FF\nProcessor : 1\nmodel name: x\n");
    assert_eq!(cpu(&cpuinfo, bit::CPU_LOGICAL_COUNT).logical_count, Some(2));
    let nothing = read(&bare().with("proc/cpuinfo", "\n"), bit::CPU_LOGICAL_COUNT);
    assert_eq!(errors(&nothing), [("cpu.logical_count", FieldErrorReason::Unsupported)]);
}

#[test]
fn what_hangs_on_rows_that_are_not_there_has_a_reason() {
    let fields = bit::CPU_CPUS_CORE_ID.union(bit::CPU_CPUS_KIND).union(bit::CPU_CPUS_FREQUENCY_HZ);
    let system = read(&Tree::new(), fields);
    let expected = ["cpu.cpus.frequency_hz", "cpu.cpus.core_id", "cpu.cpus.kind"];
    assert_eq!(errors(&system), expected.map(|path| (path, FieldErrorReason::Unsupported)));
}

#[test]
fn processors_without_sysfs_are_listed_with_a_reason_for_what_is_missing() {
    let tree = Tree::new().with("proc/stat", "cpu 1 1 1 1\ncpu0 1 1 1 1\n");
    let system = read(&tree, bit::CPU_CPUS_CORE_ID.union(bit::CPU_CPUS_KIND).union(bit::CPU_CPUS_CAPACITY));
    assert_eq!(errors(&system), [("cpu.cpus.core_id", FieldErrorReason::Unsupported)]);
    assert_eq!(system.cpu.unwrap().cpus, [LogicalCpu::default()]);
}
