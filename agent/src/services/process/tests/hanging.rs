//! A made-up tree in which one process hangs whoever reads some file of it: a FIFO that nobody writes to, in place of a memory lock
//! that nobody lets go of.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::{
    ProcessFieldSet,
    process_fields::bit,
    v1::{FieldErrorReason, Process},
};

use super::{
    fixture::{Fixture, Tree},
    query::Target,
    *,
};

const HANGING: u32 = 7;

fn tree(pids: &[u32], threads: usize) -> Tree {
    Tree::impatient(&pids.iter().copied().map(Fixture::of).collect::<Vec<_>>(), threads)
}

async fn single(tree: &Tree, pid: u32, fields: ProcessFieldSet) -> Process {
    let answer = single::read(&tree.source, &Target::Pid(pid), Tree::reading(fields)).await.unwrap();
    let answer: GetProcessResponse = prost::Message::decode(answer).unwrap();
    answer.process.unwrap()
}

/// State, and what waits for the memory lock.
fn fields() -> ProcessFieldSet {
    bit::STATE.union(bit::CMDLINE)
}

fn is_whole(row: &Process) -> bool {
    row.errors.is_empty() && row.cmdline.len() == 1
}

fn is_light(row: &Process) -> bool {
    let timed_out =
        row.errors.iter().all(|error| error.path == "cmdline" && error.reason() == FieldErrorReason::Timeout);
    row.state.is_some() && row.cmdline.is_empty() && timed_out && row.errors.len() == 1
}

#[tokio::test]
async fn one_process_that_hangs_costs_its_own_slow_fields_until_it_lets_go() {
    let tree = tree(&[5, HANGING, 9], 2);
    let fifo = tree.hang(HANGING, "cmdline");
    for round in 1..=3 {
        let rows = tree.rows(fields()).await;
        assert_eq!(rows.iter().map(|row| row.pid).collect::<Vec<_>>(), [5, HANGING, 9]);
        assert!(is_whole(&rows[0]) && is_light(&rows[1]) && is_whole(&rows[2]), "{rows:?}");
        assert_eq!(tree.counters.host_read_timeouts.get(), 1, "round {round} does not try again while it hangs");
    }
    let row = single(&tree, HANGING, fields()).await;
    assert!(is_light(&row), "{row:?}");
    tree.release(fifo, HANGING, "cmdline", b"released\0").await;
    assert!(tree.rows(fields()).await.iter().all(is_whole));
}

/// Long enough that two threads share the work: the one hangs, and what the other has read is read again.
#[tokio::test]
async fn either_half_of_a_long_table_may_hang() {
    for hanging in [3, 197] {
        let pids: Vec<u32> = (1..=200).collect();
        let tree = tree(&pids, 2);
        let fifo = tree.hang(hanging, "cmdline");
        for _ in 1..=2 {
            let rows = tree.rows(fields()).await;
            assert_eq!(rows.iter().map(|row| row.pid).collect::<Vec<_>>(), pids);
            assert!(rows.iter().all(|row| if row.pid == hanging {
                is_light(row)
            } else {
                is_whole(row) || is_light(row)
            }));
        }
        tree.release(fifo, hanging, "cmdline", b"released\0").await;
        assert!(tree.rows(fields()).await.iter().all(is_whole));
    }
}

#[tokio::test]
async fn with_every_slow_thread_hung_the_list_still_comes_without_slow_fields() {
    let tree = tree(&[5, HANGING], 1);
    let fifo = tree.hang(HANGING, "cmdline");
    let rows = tree.rows(fields()).await;
    assert!(rows.len() == 2 && rows.iter().all(is_light), "{rows:?}");
    let row = single(&tree, 5, fields()).await;
    assert!(is_light(&row), "{row:?}");
    tree.release(fifo, HANGING, "cmdline", b"released\0").await;
    assert!(tree.rows(fields()).await.iter().all(is_whole));
}

#[tokio::test]
async fn who_does_not_ask_for_slow_fields_does_not_wait() {
    let tree = tree(&[HANGING], 1);
    let fifo = tree.hang(HANGING, "cmdline");
    let whole = ProcessFieldSet::from_source("/proc/PID/stat").difference(bit::NAME).difference(bit::START_TIME);
    assert_eq!(tree.rows(whole).await.len(), 1);
    assert_eq!(tree.counters.host_read_timeouts.get(), 0);
    drop(fifo);
}

const MAPPING: &[u8] = b"00400000-00401000 r-xp 00000000 08:01 42 /bin/fixture\nSize: 4 kB\nRss: 4 kB\nPss: 4 kB\n";

fn with_maps(pids: &[u32], threads: usize) -> Tree {
    let tree = tree(pids, threads);
    for pid in pids {
        std::fs::write(tree.file(*pid, "smaps"), MAPPING).unwrap();
    }
    tree
}

fn maps_timed_out(row: &Process) -> bool {
    let timed_out = |error: &procwire_proto::v1::FieldError| {
        error.path == "memory_maps" && error.reason() == FieldErrorReason::Timeout
    };
    row.memory_maps.is_empty() && row.errors.len() == 1 && timed_out(&row.errors[0])
}

#[tokio::test]
async fn long_work_that_hangs_costs_its_own_fields_and_the_rest_of_the_row_is_there() {
    let tree = with_maps(&[5, HANGING, 9], 2);
    let fifo = tree.hang(HANGING, "smaps");
    let fields = fields().union(bit::MEMORY_MAPS);
    for round in 1..=3 {
        let rows = tree.rows(fields).await;
        assert_eq!(rows.iter().map(|row| row.pid).collect::<Vec<_>>(), [5, HANGING, 9]);
        assert!(rows.iter().all(|row| row.state.is_some() && row.cmdline.len() == 1), "{rows:?}");
        assert_eq!(rows.iter().map(|row| row.memory_maps.len()).collect::<Vec<_>>(), [1, 0, 1], "{rows:?}");
        assert!(maps_timed_out(&rows[1]), "{:?}", rows[1]);
        assert_eq!(tree.counters.host_read_timeouts.get(), 1, "round {round} does not try again while it hangs");
    }
    let row = single(&tree, HANGING, fields).await;
    assert!(maps_timed_out(&row) && row.cmdline.len() == 1, "{row:?}");
    tree.release(fifo, HANGING, "smaps", MAPPING).await;
    assert!(tree.rows(fields).await.iter().all(|row| row.errors.is_empty() && row.memory_maps.len() == 1));
}

#[tokio::test]
async fn with_every_heavy_thread_hung_a_process_is_told_of_without_its_mappings_and_others_are_not_held_up() {
    let tree = with_maps(&[5, HANGING], 1);
    let fifo = tree.hang(HANGING, "smaps");
    let fields = fields().union(bit::MEMORY_MAPS);
    let row = single(&tree, HANGING, fields).await;
    assert!(maps_timed_out(&row) && row.cmdline.len() == 1, "{row:?}");
    let row = single(&tree, 5, fields).await;
    assert!(maps_timed_out(&row) && row.cmdline.len() == 1, "no thread is left for its mappings: {row:?}");
    assert!(tree.rows(self::fields()).await.iter().all(is_whole), "who asks for no long work does not notice");
    assert!(tree.rows(fields).await.iter().all(|row| maps_timed_out(row) && row.cmdline.len() == 1));
    tree.release(fifo, HANGING, "smaps", MAPPING).await;
    let row = single(&tree, 5, fields).await;
    assert_eq!((row.memory_maps.len(), row.errors.len()), (1, 0));
}

#[tokio::test]
async fn where_no_thread_can_be_started_for_long_work_the_rest_is_told() {
    let tree = with_maps(&[5, 9], 1).without_heavy_threads();
    let fields = fields().union(bit::MEMORY_MAPS);
    let row = single(&tree, 5, fields).await;
    assert!(maps_timed_out(&row) && row.cmdline.len() == 1, "{row:?}");
    let rows = tree.rows(fields).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| maps_timed_out(row) && row.cmdline.len() == 1), "{rows:?}");
}
