//! Filters, orders and windows over a made-up table: what comes out, and what was read for it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::fs;

use procwire_proto::{
    ProcessFieldSet,
    process_fields::bit,
    v1::{
        BytesMatch, FieldErrorReason, ListProcessesSummary, OrderBy, Process, ProcessFilter, ProcessPredicate,
        ProcessState, bytes_match::Match,
    },
};

use super::{
    filter::{Circumstances, Facts, Filter, Subject, Truth},
    fixture::{Fixture, Tree},
    *,
};
use crate::{access::Role, policy::Sight};

fn allow(predicate: ProcessPredicate) -> Option<ProcessFilter> {
    Some(ProcessFilter { allow: vec![predicate], deny: vec![] })
}

fn request(fields: ProcessFieldSet, filter: Option<ProcessFilter>) -> ListProcessesRequest {
    ListProcessesRequest { read_mask: Some(fields.to_mask()), filter, ..Default::default() }
}

fn by(path: &str, descending: bool) -> Vec<OrderBy> {
    vec![OrderBy { paths: vec![path.to_owned()], descending }]
}

fn counts(summary: ListProcessesSummary) -> [u32; 5] {
    let ListProcessesSummary { listed, returned, vanished, filtered, unjudged, read_ns: _ } = summary;
    [listed, returned, vanished, filtered, unjudged]
}

fn zombies() -> ProcessPredicate {
    ProcessPredicate { states: vec![ProcessState::Zombie.into()], ..Default::default() }
}

fn of_uid(uid: u32) -> ProcessPredicate {
    ProcessPredicate { uids: vec![uid], ..Default::default() }
}

#[tokio::test]
async fn what_the_cheap_part_decides_costs_no_more_files() {
    let tree = Tree::new(&[Fixture::of(5), Fixture { state: 'R', uid: 8, ..Fixture::of(6) }, Fixture::of(9)]);
    // Whoever opened these would hang, and the list would say so.
    let hung = [5, 9].map(|pid| [tree.hang(pid, "cmdline"), tree.hang(pid, "status"), tree.hang(pid, "statm")]);
    let running = ProcessPredicate { states: vec![ProcessState::Running.into()], ..of_uid(8) };
    let fields = bit::CMDLINE.union(bit::MEMORY_RESIDENT_BYTES);
    let listed = tree.list(request(fields, allow(running))).await;
    assert_eq!(listed.pids(), [6]);
    assert_eq!((listed.rows[0].cmdline.len(), listed.rows[0].errors.len()), (1, 0));
    assert!(listed.rows[0].uids.is_none() && listed.rows[0].state.is_none(), "not asked for: {:?}", listed.rows[0]);
    assert_eq!(counts(listed.summary), [3, 1, 0, 2, 0]);
    assert_eq!(tree.counters.host_read_timeouts.get(), 0);
    drop(hung);
}

#[tokio::test]
async fn of_chosen_rows_only_the_rest_is_read() {
    let rows = [(4, 10), (5, 40), (6, 30), (7, 20)];
    let tree = Tree::new(&rows.map(|(pid, resident_pages)| Fixture { resident_pages, ..Fixture::of(pid) }));
    let hung = [4, 7].map(|pid| [tree.hang(pid, "cmdline"), tree.hang(pid, "status")]);
    let order_by = by("memory.resident_bytes", true);
    let asked = request(bit::CMDLINE.union(bit::UIDS), None);
    let listed = tree.list(ListProcessesRequest { order_by, limit: 2, ..asked }).await;
    assert_eq!(listed.pids(), [5, 6]);
    assert!(listed.rows.iter().all(|row| row.cmdline.len() == 1 && row.uids.is_some() && row.errors.is_empty()));
    assert!(listed.rows.iter().all(|row| row.memory.is_none()), "the key was not asked for");
    assert_eq!(counts(listed.summary), [4, 2, 0, 0, 0]);
    assert_eq!(tree.counters.host_read_timeouts.get(), 0);
    drop(hung);
}

#[tokio::test]
async fn who_names_pids_has_no_table_read() {
    let tree = Tree::new(&[Fixture::of(5), Fixture::of(6), Fixture { start_ticks: 50, ..Fixture::of(7) }]);
    let hung = [5, 6].map(|pid| tree.hang(pid, "stat"));
    let refs = vec![Tree::reference(7, 50), Tree::reference(8, 1)];
    let predicate = ProcessPredicate { refs, ..Default::default() };
    let listed = tree.list(request(bit::STATE, allow(predicate))).await;
    assert_eq!((listed.pids(), counts(listed.summary)), (vec![7], [2, 1, 1, 0, 0]));
    let another = ProcessPredicate { refs: vec![Tree::reference(7, 49)], ..Default::default() };
    let listed = tree.list(request(bit::STATE, allow(another))).await;
    assert_eq!(counts(listed.summary), [1, 0, 0, 1, 0], "its pid is another process now");
    let pids = ProcessPredicate { pids: vec![7], states: vec![ProcessState::Zombie.into()], ..Default::default() };
    assert_eq!(counts(tree.list(request(bit::STATE, allow(pids))).await.summary), [1, 0, 0, 1, 0]);
    drop(hung);
}

#[tokio::test]
async fn who_names_a_thread_gets_no_process() {
    let tree = Tree::new(&[Fixture::of(5)]);
    fs::write(tree.file(5, "status"), "Name:\tthread\nTgid:\t4\nUid:\t7\t7\t7\t7\n").unwrap();
    let predicate = ProcessPredicate { pids: vec![5], ..Default::default() };
    let listed = tree.list(request(bit::STATE, allow(predicate))).await;
    assert_eq!(counts(listed.summary), [1, 0, 1, 0, 0]);
}

#[tokio::test]
async fn a_family_is_found_by_one_look_at_the_table() {
    let child = |pid, ppid, start_ticks| Fixture { ppid, start_ticks, ..Fixture::of(pid) };
    let tree = Tree::new(&[child(10, 1, 5), child(11, 10, 6), child(12, 11, 7), child(13, 10, 4), child(14, 1, 5)]);
    // Others are not looked at again: only members are read further.
    let hung = [13, 14].map(|pid| tree.hang(pid, "status"));
    let below = |reference| ProcessPredicate { descendants_of: vec![reference], ..of_uid(7) };
    let listed = tree.list(request(bit::UIDS, allow(below(Tree::reference(10, 5))))).await;
    assert_eq!((listed.pids(), counts(listed.summary)), (vec![11, 12], [5, 2, 0, 3, 0]));
    let children = ProcessPredicate { children_of: vec![Tree::reference(10, 5)], ..Default::default() };
    assert_eq!(tree.list(request(bit::STATE, allow(children))).await.pids(), [11]);
    let gone = tree.list(request(bit::STATE, allow(below(Tree::reference(10, 4))))).await;
    assert_eq!(counts(gone.summary), [5, 0, 0, 5, 0], "nobody descends from a process that is gone");
    drop(hung);
}

#[tokio::test]
async fn whoever_cannot_be_judged_is_left_out_and_counted_unless_the_rest_decides() {
    let tree = Tree::new(&[Fixture::of(5), Fixture { state: 'Z', ..Fixture::of(6) }, Fixture::of(7)]);
    fs::remove_file(tree.file(5, "status")).unwrap();
    let listed = tree.list(request(bit::STATE, allow(of_uid(7)))).await;
    assert_eq!((listed.pids(), counts(listed.summary)), (vec![6, 7], [3, 2, 0, 1, 1]));
    let denied = ProcessFilter { allow: vec![], deny: vec![of_uid(99)] };
    let listed = tree.list(request(bit::STATE, Some(denied))).await;
    assert_eq!((listed.pids(), counts(listed.summary)), (vec![6, 7], [3, 2, 0, 1, 1]));
    let either = ProcessFilter { allow: vec![of_uid(99), zombies()], deny: vec![] };
    let listed = tree.list(request(bit::STATE, Some(either))).await;
    assert_eq!((listed.pids(), counts(listed.summary)), (vec![6], [3, 1, 0, 2, 1]));
    let both = allow(ProcessPredicate { states: vec![ProcessState::Zombie.into()], ..of_uid(7) });
    let listed = tree.list(request(bit::STATE, both)).await;
    assert_eq!((listed.pids(), counts(listed.summary)), (vec![6], [3, 1, 0, 2, 0]), "its state says enough of 5");
}

#[tokio::test]
async fn a_limit_counts_rows_that_pass() {
    let processes: Vec<_> = (1..=300).map(|pid| Fixture { uid: pid % 3, ..Fixture::of(pid) }).collect();
    let tree = Tree::new(&processes);
    let expected: Vec<u32> = (1..=300).filter(|pid| pid % 3 == 1).collect();
    for limit in [1, 2, 33, 99, 100, 101] {
        let asked = request(bit::UIDS, allow(of_uid(1)));
        let listed = tree.list(ListProcessesRequest { limit, ..asked.clone() }).await;
        let first = expected.get(..usize::try_from(limit).unwrap()).unwrap_or(&expected);
        assert_eq!(listed.pids(), first, "limit {limit}");
        let order_by = by("pid", true);
        let listed = tree.list(ListProcessesRequest { limit, order_by, ..asked }).await;
        let mut last: Vec<u32> = expected.iter().rev().copied().collect();
        last.truncate(first.len());
        assert_eq!(listed.pids(), last, "limit {limit}");
        assert_eq!(counts(listed.summary)[3], 200);
    }
}

/// The answer to a filter is what the filter says of the rows of a list without one.
#[tokio::test]
async fn a_filtered_list_is_the_whole_list_filtered() {
    let mut state: u64 = 3;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % u64::from(below)).unwrap()
    };
    let processes: Vec<_> = (1..=200)
        .map(|pid| Fixture {
            uid: random(3),
            state: ['S', 'R', 'Z'][random(3) as usize],
            resident_pages: u64::from(random(4)),
            ppid: random(pid),
            cmdline: format!("program-{}\0-x\0", random(4)).into_bytes(),
            ..Fixture::of(pid)
        })
        .collect();
    let tree = Tree::new(&processes);
    for pid in [17, 130] {
        fs::remove_file(tree.file(pid, "status")).unwrap();
    }
    for pid in [18, 130] {
        fs::remove_file(tree.file(pid, "cmdline")).unwrap();
    }
    let shown = [bit::PPID, bit::STATE, bit::UIDS, bit::MEMORY_RESIDENT_BYTES, bit::CMDLINE];
    let shown = shown.into_iter().fold(bit::REF, ProcessFieldSet::union);
    let all = tree.rows(shown).await;
    assert_eq!(all.len(), 200);
    for round in 0..60 {
        let mut predicate = || {
            let pattern = BytesMatch { r#match: Some(Match::Regex(format!("program-[0-{}]", random(4)))) };
            let mut predicate = ProcessPredicate { uids: vec![random(3)], ..Default::default() };
            predicate.cmdline = Some(pattern).filter(|_| random(2) == 0);
            predicate.states = if random(2) == 0 { vec![ProcessState::Running.into()] } else { vec![] };
            predicate.ppids = if random(3) == 0 { (0..random(100)).collect() } else { vec![] };
            predicate.min_resident_bytes = Some(u64::from(random(4)) * 4096).filter(|_| random(2) == 0);
            predicate.pids = if random(4) == 0 { (1..=1 + random(199)).collect() } else { vec![] };
            predicate
        };
        let allow = (0..round % 3).map(|_| predicate()).collect();
        let deny = (0..(round / 3) % 3).map(|_| predicate()).collect();
        let wire = ProcessFilter { allow, deny };
        let everything = Sight::of_roles([Role::Admin].into_iter().collect());
        let circumstances = Circumstances { boot_id: &[1; 16], sight: &everything, has_usage_window: false };
        let filter = Filter::parse(wire.clone(), &circumstances).unwrap();
        let facts = Facts::default();
        let judged = |row: &Process, truth| filter.judge(&Subject::new(row.pid, Some(row), shown, &facts)) == truth;
        let expected: Vec<_> = all.iter().filter(|row| judged(row, Truth::True)).cloned().collect();
        let listed = tree.list(request(shown, Some(wire.clone()))).await;
        // Errors come in the order in which files were read.
        let sorted = |mut rows: Vec<Process>| {
            rows.iter_mut().for_each(|row| row.errors.sort_by(|left, right| left.path.cmp(&right.path)));
            rows
        };
        assert_eq!(sorted(listed.rows), sorted(expected), "{wire:?}");
        let ordered = ListProcessesRequest { order_by: by("pid", false), ..request(bit::PID, Some(wire.clone())) };
        assert_eq!(tree.list(ordered).await.summary.returned, listed.summary.returned, "{wire:?}");
    }
}

#[tokio::test]
async fn ties_go_by_pid_and_rows_without_the_value_come_last_also_over_two_threads() {
    let processes: Vec<_> =
        (1..=150).map(|pid| Fixture { resident_pages: u64::from(pid % 5), ..Fixture::of(pid) }).collect();
    let tree = Tree::new(&processes);
    fs::remove_file(tree.file(4, "statm")).unwrap();
    for descending in [true, false] {
        let order_by = by("memory.resident_bytes", descending);
        let asked = request(bit::MEMORY_RESIDENT_BYTES, None);
        let listed = tree.list(ListProcessesRequest { order_by, ..asked }).await;
        let mut expected: Vec<u32> = (1..=150).filter(|pid| *pid != 4).collect();
        expected.sort_by_key(|pid| (if descending { 4 - pid % 5 } else { pid % 5 }, *pid));
        expected.push(4);
        assert_eq!(listed.pids(), expected);
        assert_eq!(listed.rows[149].errors[0].reason(), FieldErrorReason::ReadFailed);
    }
}

#[tokio::test]
async fn a_window_measures_and_without_one_there_is_nothing_to_say() {
    let tree = Tree::new(&[Fixture::of(5), Fixture::of(6)]);
    let fields = bit::CPU_USAGE_RATIO;
    let row = &tree.rows(fields).await[0];
    assert!(row.cpu_usage_ratio.is_none() && row.errors.is_empty(), "{row:?}");
    let usage_window = Some(prost_types::Duration { seconds: 0, nanos: 10_000_000 });
    let asked = ListProcessesRequest { usage_window, ..request(fields, None) };
    let began = std::time::Instant::now();
    let listed = tree.list(asked.clone()).await;
    assert!(listed.rows.iter().all(|row| row.cpu_usage_ratio == Some(0.0)), "{:?}", listed.rows);
    let but_for_the_window = began.elapsed() - Duration::from_millis(10);
    assert!(u128::from(listed.summary.read_ns) <= but_for_the_window.as_nanos(), "the window is no reading");
    let idle = ProcessPredicate { min_cpu_usage_ratio: Some(0.0), pids: vec![6], ..Default::default() };
    let order_by = by("cpu_usage_ratio", true);
    let listed = tree.list(ListProcessesRequest { filter: allow(idle), order_by, ..asked.clone() }).await;
    assert_eq!((listed.pids(), listed.rows[0].cpu_usage_ratio), (vec![6], Some(0.0)));
    let busy = ProcessPredicate { min_cpu_usage_ratio: Some(0.01), ..Default::default() };
    let listed = tree.list(ListProcessesRequest { filter: allow(busy), ..asked }).await;
    assert_eq!(counts(listed.summary), [2, 0, 0, 2, 0]);
}

#[tokio::test]
async fn long_rows_come_one_by_one() {
    let mapping = b"00400000-00401000 r-xp 00000000 08:01 42 /bin/fixture\nSize: 4 kB\nRss: 4 kB\nPss: 4 kB\n";
    let processes: Vec<_> = (1..=5).map(Fixture::of).collect();
    let tree = Tree::new(&processes);
    for pid in 1..=5 {
        fs::write(tree.file(pid, "smaps"), mapping.repeat(6000)).unwrap();
    }
    let listed = tree.list(request(bit::MEMORY_MAPS, None)).await;
    assert_eq!(listed.pids(), [1, 2, 3, 4, 5]);
    for row in &listed.rows {
        assert_eq!((row.memory_maps.len(), &row.errors), (6000, &vec![]));
    }
    // Each is longer than a message is otherwise, and none is lost where one ends.
    let by_size =
        tree.list(ListProcessesRequest { order_by: by("pid", true), ..request(bit::MEMORY_MAPS, None) }).await;
    assert_eq!(by_size.pids(), [5, 4, 3, 2, 1]);
    assert!(by_size.rows.iter().all(|row| row.memory_maps.len() == 6000));
}

/// What is read in steps must fit into one message all the same.
#[tokio::test]
async fn a_row_with_more_than_one_long_list_still_fits_into_a_message() {
    let mapping = b"00400000-00401000 r-xp 00000000 08:01 42 /bin/fixture\nSize: 4 kB\nRss: 4 kB\nPss: 4 kB\n";
    let tree = Tree::new(&[Fixture::of(5)]);
    fs::write(tree.file(5, "smaps"), mapping.repeat(60_000)).unwrap();
    fs::write(tree.file(5, "environ"), b"VARIABLE=a value of some length\0".repeat(60_000)).unwrap();
    let listed = tree.list(request(bit::ENVIRON.union(bit::MEMORY_MAPS), None)).await;
    let row = &listed.rows[0];
    assert!(
        row.environ.len() > 20_000 && row.memory_maps.len() > 10_000,
        "{} {}",
        row.environ.len(),
        row.memory_maps.len()
    );
    let size = prost::Message::encoded_len(row);
    assert!((2 << 20..3 << 20).contains(&size), "{size} bytes");
    assert!(
        row.errors.iter().any(|error| error.path == "memory_maps" && error.reason() == FieldErrorReason::Truncated)
    );
}
