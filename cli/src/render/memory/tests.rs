#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::v1::{Cgroup, CgroupMemory, HugePagePool, MemoryNode, SwapDevice};

use super::*;

const MEBI: u64 = 1 << 20;

fn host() -> System {
    let memory = Memory {
        total_bytes: Some(4096 * MEBI),
        used_bytes: Some(1024 * MEBI),
        free_bytes: Some(2048 * MEBI),
        shared_bytes: Some(MEBI),
        buffers_bytes: Some(100 * MEBI),
        cached_bytes: Some(900 * MEBI),
        available_bytes: Some(3072 * MEBI),
        huge_pages: vec![HugePagePool { page_bytes: 2 * MEBI, total_pages: Some(8), ..HugePagePool::default() }],
        nodes: vec![MemoryNode {
            number: 1,
            cpus: vec![0, 1, 2],
            distances: vec![10, 21],
            total_bytes: Some(200),
            free_bytes: Some(50),
            ..MemoryNode::default()
        }],
        ..Memory::default()
    };
    let device = SwapDevice {
        path: b"/swap\x1b[2J".to_vec(),
        kind: "file".to_owned(),
        total_bytes: 0,
        priority: -2,
        ..SwapDevice::default()
    };
    let zram = SwapDevice { path: b"/dev/zram0".to_vec(), priority: 100, ..device.clone() };
    let swap = Swap {
        total_bytes: Some(1024 * MEBI),
        used_bytes: Some(MEBI),
        free_bytes: Some(1023 * MEBI),
        devices: vec![device, zram],
        ..Swap::default()
    };
    System { memory: Some(memory), swap: Some(swap), ..System::default() }
}

fn limited(limit_bytes: u64) -> System {
    let memory = CgroupMemory {
        usage_bytes: Some(16 * MEBI),
        effective_limit_bytes: Some(limit_bytes),
        ..CgroupMemory::default()
    };
    let cgroup = Cgroup { path: Some(b"/docker/\x1bx".to_vec()), memory: Some(memory), ..Cgroup::default() };
    System { cgroup: Some(cgroup), ..host() }
}

const PLAIN: Shown = Shown { unit: SizeUnit::Human, wide: false, total: false, all: false };

fn printed(system: &System, shown: Shown, width: Option<u16>) -> String {
    let mut out = Vec::new();
    write_memory(&mut out, system, shown, width).unwrap();
    anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
}

#[test]
fn it_looks_like_free() {
    assert_eq!(
        printed(&host(), PLAIN, Some(80)),
        "      TOTAL   USED   FREE SHARED BUFF/CACHE AVAILABLE\n\
         Mem    4.0G   1.0G   2.0G   1.0M      1000M      3.0G\n\
         Swap   1.0G   1.0M  1023M\n"
    );
    let mebi = Shown { unit: SizeUnit::Whole(MEBI), wide: true, total: true, all: false };
    assert_eq!(
        printed(&host(), mebi, Some(80)),
        "       TOTAL   USED   FREE SHARED BUFFERS  CACHE AVAILABLE\n\
         Mem     4096   1024   2048      1     100    900      3072\n\
         Swap    1024      1   1023\n\
         Total   5120   1025   3071\n"
    );
}

#[test]
fn what_is_not_known_is_a_dash() {
    let rows = printed(&System::default(), Shown { all: true, total: true, ..PLAIN }, Some(80));
    assert_eq!(
        rows.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["Mem", "-", "-", "-", "-", "-", "-"]
    );
    assert_eq!(rows.lines().count(), 4, "{rows}");
}

#[test]
fn a_container_is_not_taken_for_its_host() {
    let text = printed(&limited(64 * MEBI), PLAIN, Some(200));
    let wanted = r"The agent's control group /docker/\x1bx may use 64 MiB and uses 16 MiB (25.0 %); the figures above are the host's.";
    assert!(text.ends_with(&format!("\n\n{wanted}\n")), "{text}");
    assert_eq!(printed(&limited(1 << 60), PLAIN, None), printed(&host(), PLAIN, None), "a limit beyond all memory");
    assert!(printed(&limited(0), PLAIN, None).contains("may use 0 B and uses 16 MiB;"));
}

#[test]
fn all_shows_devices_huge_pages_and_nodes() {
    let text = printed(&host(), Shown { all: true, ..PLAIN }, Some(80));
    let lines: Vec<&str> = text.lines().collect();
    let after = |title: &str| lines.iter().position(|line| *line == title).map(|at| &lines[at + 1..]).unwrap();
    assert!(after("Swap devices")[1].starts_with("  /dev/zram0 "), "{text}");
    assert!(after("Swap devices")[2].starts_with(r"  /swap\x1b[2J file"), "{text}");
    assert_eq!(after("Huge pages")[1].split_whitespace().collect::<Vec<_>>(), ["2.0M", "8", "-", "-", "-", "16M"]);
    let node: Vec<_> = after("NUMA nodes")[1].split_whitespace().collect();
    assert_eq!(node, ["1", "200", "50", "25.0", "0-2", "10", "21"]);
}

#[test]
fn no_line_is_longer_than_the_terminal() {
    for (width, unit) in [(80, SizeUnit::Human), (80, SizeUnit::Whole(1)), (200, SizeUnit::Whole(1))] {
        let shown = Shown { unit, wide: true, total: true, all: true };
        let text = printed(&limited(64 * MEBI), shown, Some(width));
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
    }
}
