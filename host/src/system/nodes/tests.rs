#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::{
    system_fields::bit,
    v1::{FieldErrorReason, HugePagePool, MemoryNode, System},
};

use crate::system::tests::{Tree, errors};

const NODES: &str = "sys/devices/system/node";
const KIB: u64 = 1024;

fn node(tree: &Tree, number: u32, cpus: &str, distances: &str) {
    let lines = ["MemTotal:  300 kB", "MemFree:  100 kB", "MemUsed:  200 kB", "HugePages_Total:   4"];
    let meminfo: String = lines.iter().map(|line| format!("Node {number} {line}\n")).collect();
    let folder = format!("{NODES}/node{number}");
    tree.write(&format!("{folder}/meminfo"), &meminfo);
    tree.write(&format!("{folder}/cpulist"), &format!("{cpus}\n"));
    tree.write(&format!("{folder}/distance"), &format!("{distances}\n"));
    for (name, pages) in [("nr_hugepages", 4), ("free_hugepages", 3), ("surplus_hugepages", 0)] {
        tree.write(&format!("{folder}/hugepages/hugepages-2048kB/{name}"), &format!("{pages}\n"));
    }
}

fn two_nodes() -> Tree {
    let tree = Tree::new().with(&format!("{NODES}/online"), "0,2\n").with(&format!("{NODES}/has_cpu"), "0\n");
    node(&tree, 0, "0-1,4", "10 21");
    node(&tree, 2, "", "21 10");
    tree
}

fn nodes(system: System) -> Vec<MemoryNode> {
    system.memory.unwrap().nodes
}

fn told(node: &MemoryNode) -> Vec<(&str, FieldErrorReason)> {
    node.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect()
}

#[test]
fn nodes_have_their_memory_processors_and_distances() {
    let system = two_nodes().reader().read(bit::MEMORY_NODES);
    assert_eq!(errors(&system), []);
    let nodes = nodes(system);
    assert_eq!(nodes.iter().map(|node| node.number).collect::<Vec<_>>(), [0, 2]);
    let first = &nodes[0];
    assert_eq!(
        (first.total_bytes, first.free_bytes, first.used_bytes),
        (Some(300 * KIB), Some(100 * KIB), Some(200 * KIB))
    );
    assert_eq!((first.cpus.as_slice(), first.distances.as_slice()), ([0, 1, 4].as_slice(), [10, 21].as_slice()));
    assert_eq!((first.statistics.len(), first.statistics[3].name.as_str()), (4, "HugePages_Total"));
    let pool = HugePagePool {
        page_bytes: 2048 * KIB,
        total_pages: Some(4),
        free_pages: Some(3),
        reserved_pages: None,
        surplus_pages: Some(0),
    };
    assert_eq!(first.huge_pages, [pool]);
    assert!(nodes[1].cpus.is_empty() && nodes[1].errors.is_empty(), "memory without processors is no fault");
}

#[test]
fn what_a_node_lacks_is_told_in_its_row() {
    let tree = two_nodes();
    tree.write(&format!("{NODES}/node0/cpulist"), "4-1\n");
    tree.write(&format!("{NODES}/node0/distance"), "10 far\n");
    tree.write(&format!("{NODES}/node0/meminfo"), "Node 0 MemFree: 1 kB\nNode 0 MemUsed: 4\n");
    tree.remove(&format!("{NODES}/node0/hugepages"));
    tree.remove(&format!("{NODES}/node2/meminfo"));
    tree.write(&format!("{NODES}/node2/hugepages/hugepages-2048kB/free_hugepages"), "x");
    let system = tree.reader().read(bit::MEMORY_NODES);
    assert_eq!(errors(&system), []);
    let nodes = nodes(system);
    let expected = [
        ("total_bytes", FieldErrorReason::Unsupported),
        ("used_bytes", FieldErrorReason::Unsupported),
        ("cpus", FieldErrorReason::InvalidData),
        ("distances", FieldErrorReason::InvalidData),
        ("huge_pages", FieldErrorReason::Unsupported),
    ];
    assert_eq!(told(&nodes[0]), expected);
    assert_eq!(nodes[0].free_bytes, Some(KIB));
    let lost =
        ["total_bytes", "free_bytes", "used_bytes", "statistics"].map(|path| (path, FieldErrorReason::Unsupported));
    assert_eq!(told(&nodes[1]), [lost.as_slice(), &[("huge_pages", FieldErrorReason::InvalidData)]].concat());
    assert_eq!((nodes[1].huge_pages[0].total_pages, nodes[1].huge_pages[0].free_pages), (Some(4), None));
}

#[test]
fn nodes_that_come_and_go_are_seen() {
    let tree = two_nodes();
    let mut reader = tree.reader();
    let mut read = || nodes(reader.read(bit::MEMORY_NODES)).iter().map(|node| node.free_bytes).collect::<Vec<_>>();
    assert_eq!(read(), [Some(100 * KIB); 2]);
    tree.write(&format!("{NODES}/node0/meminfo"), "Node 0 MemFree: 7 kB\n");
    assert_eq!(read(), [Some(7 * KIB), Some(100 * KIB)]);
    tree.remove(&format!("{NODES}/node2"));
    tree.write(&format!("{NODES}/online"), "0\n");
    assert_eq!(read(), [Some(7 * KIB)]);
}

#[test]
fn a_kernel_without_nodes_says_so() {
    let system = Tree::new().reader().read(bit::MEMORY_NODES);
    assert_eq!(errors(&system), [("memory.nodes", FieldErrorReason::Unsupported)]);
    assert!(system.errors[0].detail.contains("CONFIG_NUMA"), "{}", system.errors[0].detail);
}

#[test]
fn pools_of_the_host_are_those_of_each_size() {
    const POOLS: &str = "sys/kernel/mm/hugepages";
    let tree = Tree::new();
    for (size, pages) in [("1048576kB", 1), ("2048kB", 512), ("oddkB", 0)] {
        for name in ["nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages"] {
            tree.write(&format!("{POOLS}/hugepages-{size}/{name}"), &format!("{pages}\n"));
        }
    }
    let mut reader = tree.reader();
    let pool = |page_bytes, pages| HugePagePool {
        page_bytes,
        total_pages: Some(pages),
        free_pages: Some(pages),
        reserved_pages: Some(pages),
        surplus_pages: Some(pages),
    };
    let system = reader.read(bit::MEMORY_HUGE_PAGES);
    assert_eq!(errors(&system), []);
    assert_eq!(system.memory.unwrap().huge_pages, [pool(2 << 20, 512), pool(1 << 30, 1)]);
    tree.remove(&format!("{POOLS}/hugepages-2048kB/resv_hugepages"));
    tree.write(&format!("{POOLS}/hugepages-2048kB/nr_hugepages"), "513\n");
    let system = reader.read(bit::MEMORY_HUGE_PAGES);
    // The kept descriptor of a removed file still answers here; what sysfs removes answers ENODEV.
    assert_eq!(system.memory.unwrap().huge_pages[0].total_pages, Some(513));
    let system = tree.reader().read(bit::MEMORY_HUGE_PAGES);
    assert_eq!(errors(&system), [("memory.huge_pages", FieldErrorReason::Unsupported)]);
    assert_eq!(system.memory.unwrap().huge_pages[0].reserved_pages, None);
    let none = Tree::new().reader().read(bit::MEMORY_HUGE_PAGES);
    assert_eq!(errors(&none), [("memory.huge_pages", FieldErrorReason::Unsupported)]);
}
