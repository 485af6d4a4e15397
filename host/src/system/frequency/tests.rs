#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{CpuFrequencyPolicy, FieldErrorReason, System},
};

use crate::system::tests::{Tree, errors};

const CPU: &str = "sys/devices/system/cpu";
const MHZ: u64 = 1_000_000;
const BOTH: SystemFieldSet = bit::CPU_CPUS_FREQUENCY_HZ.union(bit::CPU_FREQUENCY_POLICIES);

/// A host with these processors online.
fn host(numbers: &[u32]) -> Tree {
    let rows: String = numbers.iter().map(|number| format!("cpu{number} 1 1 1 1\n")).collect();
    let online: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    let tree = Tree::new().with("proc/stat", &format!("cpu 1 1 1 1\n{rows}"));
    tree.with(&format!("{CPU}/online"), &online.join(","))
}

fn policy(tree: &Tree, folder: &str, files: &[(&str, &str)]) {
    for (name, text) in files {
        tree.write(&format!("{CPU}/{folder}/{name}"), &format!("{text}\n"));
    }
}

fn limits(tree: &Tree, folder: &str) {
    policy(
        tree,
        folder,
        &[
            ("scaling_min_freq", "200000"),
            ("scaling_max_freq", "300000"),
            ("cpuinfo_min_freq", "100000"),
            ("cpuinfo_max_freq", "400000"),
            ("scaling_governor", "schedutil"),
        ],
    );
}

fn frequencies(system: &System) -> Vec<(u32, Option<u64>)> {
    system.cpu.iter().flat_map(|cpu| &cpu.cpus).map(|cpu| (cpu.number, cpu.frequency_hz)).collect()
}

fn policies(system: &System) -> &[CpuFrequencyPolicy] {
    &system.cpu.as_ref().unwrap().frequency_policies
}

#[test]
fn one_policy_for_four_processors() {
    let tree = host(&[0, 1, 2, 3]);
    policy(&tree, "cpufreq/policy0", &[("affected_cpus", "0 1 2 3"), ("scaling_cur_freq", "100000")]);
    limits(&tree, "cpufreq/policy0");
    tree.write("proc/cpuinfo", "");
    let system = tree.reader().read(BOTH);
    assert_eq!(errors(&system), []);
    assert_eq!(frequencies(&system), [0, 1, 2, 3].map(|number| (number, Some(100 * MHZ))));
    let expected = CpuFrequencyPolicy {
        cpus: vec![0, 1, 2, 3],
        current_hz: Some(100 * MHZ),
        min_hz: Some(200 * MHZ),
        max_hz: Some(300 * MHZ),
        hardware_min_hz: Some(100 * MHZ),
        hardware_max_hz: Some(400 * MHZ),
        governor: Some("schedutil".to_owned()),
        ..CpuFrequencyPolicy::default()
    };
    assert_eq!(policies(&system), [expected]);
}

#[test]
fn policies_of_processors_that_are_off_vanish() {
    let tree = host(&[0, 1]).with("proc/cpuinfo", "processor : 0\ncpu MHz : 200\n\nprocessor : 1\ncpu MHz : 400\n");
    for number in [0, 1] {
        policy(&tree, &format!("cpufreq/policy{number}"), &[("scaling_cur_freq", "7"), ("scaling_max_freq", "300000")]);
    }
    for number in [2, 3] {
        tree.write(&format!("{CPU}/cpufreq/policy{number}/scaling_driver"), "x");
        tree.write(&format!("{CPU}/cpu{number}/online"), "0\n");
    }
    // Files of an inactive policy cannot be read, which a folder stands for here.
    std::fs::create_dir_all(tree.path(&format!("{CPU}/cpufreq/policy4/affected_cpus"))).unwrap();
    let system = tree.reader().read(BOTH);
    assert_eq!(errors(&system), []);
    assert_eq!(frequencies(&system), [(0, Some(200 * MHZ)), (1, Some(400 * MHZ))], "cpuinfo comes first");
    let found: Vec<_> = policies(&system).iter().map(|policy| (policy.number, policy.cpus.clone())).collect();
    assert_eq!(found, [(0, vec![0]), (1, vec![1])]);
}

#[test]
fn what_a_policy_does_not_have_is_told_in_its_row() {
    let tree = host(&[0]);
    policy(
        &tree,
        "cpufreq/policy0",
        &[
            ("affected_cpus", "0"),
            ("scaling_cur_freq", "<unknown>"),
            ("scaling_min_freq", "0"),
            ("scaling_max_freq", "fast"),
            ("cpuinfo_max_freq", "18446744073709551615"),
            ("scaling_governor", ""),
        ],
    );
    let system = tree.reader().read(bit::CPU_FREQUENCY_POLICIES);
    assert_eq!(errors(&system), []);
    let told: Vec<_> = policies(&system)[0].errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    let expected = [
        ("current_hz", FieldErrorReason::Unsupported),
        ("min_hz", FieldErrorReason::Unsupported),
        ("max_hz", FieldErrorReason::InvalidData),
        ("hardware_min_hz", FieldErrorReason::Unsupported),
        ("hardware_max_hz", FieldErrorReason::InvalidData),
        ("governor", FieldErrorReason::InvalidData),
    ];
    assert_eq!(told, expected);
}

#[test]
fn drivers_that_cannot_tell_are_helped_by_the_hardware() {
    for current in [None, Some("<unknown>")] {
        let tree = host(&[0]);
        policy(&tree, "cpufreq/policy0", &[("affected_cpus", "0"), ("cpuinfo_cur_freq", "200000")]);
        if let Some(current) = current {
            policy(&tree, "cpufreq/policy0", &[("scaling_cur_freq", current)]);
        }
        let system = tree.reader().read(BOTH);
        assert_eq!(frequencies(&system), [(0, Some(200 * MHZ))]);
        assert_eq!(policies(&system)[0].current_hz, Some(200 * MHZ));
    }
}

#[test]
fn kernels_before_4_3_have_the_policy_below_each_of_its_processors() {
    let tree = host(&[0, 1, 2]);
    for (number, together) in [(0, "0 1"), (1, "0 1"), (2, "2")] {
        let folder = format!("cpu{number}/cpufreq");
        policy(&tree, &folder, &[("affected_cpus", together), ("scaling_cur_freq", "800000")]);
        limits(&tree, &folder);
    }
    let system = tree.reader().read(BOTH);
    let found: Vec<_> = policies(&system).iter().map(|policy| (policy.number, policy.cpus.as_slice())).collect();
    assert_eq!(found, [(0, [0, 1].as_slice()), (2, &[2])]);
    assert_eq!(frequencies(&system), [0, 1, 2].map(|number| (number, Some(800 * MHZ))));
}

#[test]
fn cpuinfo_is_matched_by_number_and_not_by_place() {
    let tree = host(&[0, 8]).with("proc/cpuinfo", "processor : 8\nclock : 2500.5MHz\n\nprocessor : 0\nclock : 1MHz\n");
    let system = tree.reader().read(bit::CPU_CPUS_FREQUENCY_HZ);
    assert_eq!(frequencies(&system), [(0, Some(MHZ)), (8, Some(2_500_500_000))]);
}

#[test]
fn a_processor_without_a_frequency_is_absent_with_a_reason() {
    let tree = host(&[0, 1]).with("proc/cpuinfo", "processor : 0\ncpu MHz : 5\n");
    let system = tree.reader().read(BOTH);
    assert_eq!(frequencies(&system), [(0, Some(5 * MHZ)), (1, None)]);
    let expected =
        ["cpu.frequency_policies", "cpu.cpus.frequency_hz"].map(|path| (path, FieldErrorReason::Unsupported));
    assert_eq!(errors(&system), expected);
    assert!(system.errors[1].detail.ends_with("tells the frequency of processor 1"), "{}", system.errors[1].detail);
}

#[test]
fn frequencies_are_those_of_now_and_policies_those_of_the_processors_that_are_online() {
    let tree = host(&[0, 1]);
    for number in [0, 1] {
        let folder = format!("cpufreq/policy{number}");
        policy(&tree, &folder, &[("affected_cpus", &number.to_string()), ("scaling_cur_freq", "800000")]);
    }
    let mut reader = tree.reader();
    let mut read = || {
        let system = reader.read(BOTH);
        (frequencies(&system), policies(&system).iter().map(|policy| policy.current_hz).collect::<Vec<_>>())
    };
    assert_eq!(read(), (vec![(0, Some(800 * MHZ)), (1, Some(800 * MHZ))], vec![Some(800 * MHZ); 2]));
    policy(&tree, "cpufreq/policy1", &[("scaling_cur_freq", "900000")]);
    assert_eq!(read().1, [Some(800 * MHZ), Some(900 * MHZ)]);
    tree.remove(&format!("{CPU}/cpufreq/policy1"));
    tree.write("proc/stat", "cpu 1 1 1 1\ncpu0 1 1 1 1\n");
    tree.write(&format!("{CPU}/online"), "0\n");
    assert_eq!(read(), (vec![(0, Some(800 * MHZ))], vec![Some(800 * MHZ)]));
}

#[test]
fn a_driver_that_is_loaded_later_is_found() {
    let tree = host(&[0]);
    let mut reader = tree.reader();
    assert_eq!(errors(&reader.read(bit::CPU_FREQUENCY_POLICIES)).len(), 1);
    policy(&tree, "cpufreq/policy0", &[("affected_cpus", "0"), ("scaling_cur_freq", "800000")]);
    let system = reader.read(BOTH);
    assert_eq!(policies(&system)[0].current_hz, Some(800 * MHZ));
    assert_eq!(frequencies(&system), [(0, Some(800 * MHZ))]);
}

#[test]
fn many_policies_do_not_use_up_the_descriptors_of_the_agent() {
    let numbers: Vec<u32> = (0..64).collect();
    let tree = host(&numbers);
    for number in &numbers {
        let folder = format!("cpufreq/policy{number}");
        policy(&tree, &folder, &[("affected_cpus", &number.to_string()), ("scaling_cur_freq", "800000")]);
        limits(&tree, &folder);
    }
    let mut reader = tree.reader();
    let system = reader.read(BOTH);
    assert_eq!((errors(&system), policies(&system).len()), (vec![], 64));
    let ours = tree.path(CPU);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
    let held = open.filter(|path| path.starts_with(ours.join("cpufreq"))).count();
    assert_eq!(held, 0);
    assert_eq!(policies(&reader.read(BOTH))[63].max_hz, Some(300 * MHZ));
}
