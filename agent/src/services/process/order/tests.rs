#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use procwire_proto::{
    FILE_DESCRIPTOR_SET,
    process_fields::bit,
    v1::{ErrorReason, OrderBy, ProcessCpuTimes, ProcessMemory},
};
use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use super::{columns::COLUMNS, *};
use crate::status::Failure;

fn by(paths: &[&str], descending: bool) -> OrderBy {
    OrderBy { paths: paths.iter().map(ToString::to_string).collect(), descending }
}

fn order(keys: &[OrderBy]) -> Order {
    Order::parse(keys, true).unwrap()
}

fn refused(keys: &[OrderBy]) -> Failure {
    Order::parse(keys, false).unwrap_err()
}

fn row(pid: u32, resident_bytes: Option<u64>, name: &str) -> Process {
    let memory = Some(ProcessMemory { resident_bytes, ..Default::default() });
    Process { pid, memory, name: Some(name.as_bytes().to_vec()), ..Default::default() }
}

fn ranked(order: &Order, rows: &[Process], limit: usize) -> Vec<u32> {
    let mut ranking = Ranking::new(order.clone(), limit);
    for row in rows {
        ranking.push(Entry { pid: row.pid, rank: order.rank(row), row: row.encode_to_vec().into() });
    }
    ranking.into_entries().into_iter().map(|entry| entry.pid).collect()
}

#[test]
fn rows_without_the_value_come_last_either_way_and_ties_go_by_pid() {
    let rows = [row(4, None, "a"), row(3, Some(7), "b"), row(2, Some(9), "c"), row(1, Some(7), "d"), row(5, None, "e")];
    assert_eq!(ranked(&order(&[by(&["memory.resident_bytes"], false)]), &rows, 9), [1, 3, 2, 4, 5]);
    assert_eq!(ranked(&order(&[by(&["memory.resident_bytes"], true)]), &rows, 9), [2, 1, 3, 4, 5]);
    assert_eq!(ranked(&order(&[by(&["memory.resident_bytes"], true)]), &rows, 2), [2, 1]);
    let second = order(&[by(&["memory.resident_bytes"], false), by(&["name"], true)]);
    assert_eq!(ranked(&second, &rows, 9), [1, 3, 2, 5, 4], "the second key decides where the first does not");
}

#[test]
fn several_numbers_are_added_up_and_a_part_that_is_missing_is_no_zero() {
    let times = |pid, user_ns, system_ns| Process {
        pid,
        cpu_times: Some(ProcessCpuTimes { user_ns, system_ns, ..Default::default() }),
        ..Default::default()
    };
    let rows = [
        times(1, Some(u64::MAX), Some(1)),
        times(2, Some(u64::MAX), Some(u64::MAX)),
        times(3, Some(u64::MAX), None),
        times(4, Some(5), Some(5)),
    ];
    let total = order(&[by(&["cpu_times.user_ns", "cpu_times.system_ns"], true)]);
    assert_eq!(ranked(&total, &rows, 9), [2, 1, 4, 3], "sums do not wrap");
    assert_eq!(total.fields(), bit::CPU_TIMES_USER_NS.union(bit::CPU_TIMES_SYSTEM_NS));
}

#[test]
fn bytes_are_compared_as_bytes() {
    let rows = [row(1, None, "b"), row(2, None, "B"), row(3, None, "ä"), row(4, None, "")];
    assert_eq!(ranked(&order(&[by(&["name"], false)]), &rows, 9), [4, 2, 1, 3]);
}

/// Whatever the rows, the limit and the order: a full sort says the same.
#[test]
fn the_first_rows_are_those_of_a_full_sort() {
    let mut random = fastrand(1);
    for round in 0..200 {
        let count = random(if round == 0 { 20_000 } else { 300 });
        let rows: Vec<Process> = (0..count)
            .map(|pid| {
                let resident = (random(4) > 0).then(|| u64::from(random(8)));
                row(pid, resident, ["x", "y", "z"][random(3) as usize])
            })
            .collect();
        let keys = [by(&["memory.resident_bytes"], random(2) == 0), by(&["name"], random(2) == 0)];
        let order = order(&keys[..1 + random(2) as usize]);
        let mut sorted: Vec<_> = rows.iter().map(|row| (order.rank(row), row.pid)).collect();
        sorted.sort_by(|left, right| order.compare(&left.0, &right.0).then(left.1.cmp(&right.1)));
        let expected: Vec<u32> = sorted.into_iter().map(|(_, pid)| pid).collect();
        for limit in [1, 7, 250, usize::MAX] {
            let first = expected.get(..limit).unwrap_or(&expected);
            assert_eq!(ranked(&order, &rows, limit), first, "{limit} of {order:?}");
            let (left, right) = rows.split_at(rows.len() / 3);
            let mut joined = Ranking::new(order.clone(), limit);
            for half in [right, left] {
                let mut part = joined.fresh();
                for row in half {
                    part.push(Entry { pid: row.pid, rank: order.rank(row), row: Box::default() });
                }
                joined.join(part);
            }
            let pids: Vec<u32> = joined.into_entries().into_iter().map(|entry| entry.pid).collect();
            assert_eq!(pids, first, "joined of two");
        }
    }
}

/// Numbers below a bound, the same ones each time.
fn fastrand(mut state: u64) -> impl FnMut(u32) -> u32 {
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % u64::from(below)).unwrap()
    }
}

#[test]
fn no_more_rows_are_kept_than_are_wanted_and_some_slack() {
    let order = order(&[by(&["pid"], true)]);
    let mut ranking = Ranking::new(order.clone(), 10);
    for pid in 0..100_000 {
        ranking.push(Entry { pid, rank: order.rank(&row(pid, None, "")), row: Box::new([0; 100]) });
        assert!(ranking.bytes() < 400_000, "{}", ranking.bytes());
    }
    assert_eq!(ranking.into_entries()[0].pid, 99_999);
}

#[test]
fn rows_of_long_values_are_thrown_out_before_they_take_much() {
    let order = order(&[by(&["cmdline_raw"], false)]);
    let ranked = |first: u8| order.rank(&Process { cmdline_raw: Some(vec![first; 2_000_000]), ..Default::default() });
    let rank = ranked(b'b');
    assert!(rank[0].as_ref().unwrap().heap_bytes() <= 1024, "only the beginning is kept");
    let mut few = Ranking::new(order.clone(), 1);
    let mut all = Ranking::new(order.clone(), usize::MAX);
    for pid in 1..=100 {
        let entry = Entry { pid, rank: rank.clone(), row: vec![0; 500_000].into() };
        few.push(entry.clone());
        assert!(!few.is_full() && few.bytes() <= RANKING_MAX_BYTES / 4, "{}", few.bytes());
        if !all.is_full() {
            all.push(entry);
        }
    }
    assert!(all.is_full() && all.bytes() < RANKING_MAX_BYTES / 2, "{}", all.bytes());
    few.push(Entry { pid: 101, rank: ranked(b'a'), row: Box::default() });
    assert_eq!(few.into_entries()[0].pid, 101);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let pid = by(&["pid"], false);
    for (keys, field, reason) in [
        (vec![pid.clone(), by(&[], false)], "order_by[1].paths", ErrorReason::InvalidRequest),
        (vec![pid.clone(), by(&["pid", "residnt"], false)], "order_by[1].paths[1]", ErrorReason::UnknownField),
        (vec![by(&["pid", "name"], false)], "order_by[0].paths[1]", ErrorReason::InvalidRequest),
        (vec![by(&["state"], false)], "order_by[0].paths[0]", ErrorReason::InvalidRequest),
        (vec![by(&["cmdline"], false)], "order_by[0].paths[0]", ErrorReason::InvalidRequest),
        (vec![by(&["memory"], false)], "order_by[0].paths[0]", ErrorReason::InvalidRequest),
        (vec![by(&["cpu_usage_ratio"], false)], "order_by[0].paths[0]", ErrorReason::InvalidRequest),
        (vec![by(&["*"], false)], "order_by[0].paths[0]", ErrorReason::UnknownField),
        (vec![by(&[&"x".repeat(257)], false)], "order_by[0].paths[0]", ErrorReason::InvalidRequest),
        (vec![by(&["pid"; 17], false)], "order_by[0].paths", ErrorReason::InvalidRequest),
        (vec![by(&["nice", "pid", "nice"], false)], "order_by[0].paths[2]", ErrorReason::InvalidRequest),
        (vec![pid.clone(), by(&["nice", "pid"], true)], "order_by[1].paths[1]", ErrorReason::InvalidRequest),
        (vec![by(&["cmdline_raw"], false); 8], "order_by[1].paths[0]", ErrorReason::InvalidRequest),
        (vec![pid; 9], "order_by", ErrorReason::InvalidRequest),
    ] {
        let failure = refused(&keys);
        assert_eq!((failure.field(), failure.reason()), (Some(field), reason), "{}", failure.message());
    }
    let hint = refused(&[by(&["memory_footprint"], false)]);
    assert!(hint.message().contains("memory_footprint.unique_bytes"), "{}", hint.message());
    let hint = refused(&[by(&["resident_bytes"], false)]);
    assert!(hint.message().contains("memory.resident_bytes"), "{}", hint.message());
}

/// Every number and every string of bytes in Process and in the messages that it has one of.
#[test]
fn every_field_that_has_an_order_is_a_column() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let messages: Vec<&DescriptorProto> =
        set.file.iter().filter(|file| file.package() == "procwire.v1").flat_map(|file| &file.message_type).collect();
    let message = |name: &str| *messages.iter().find(|message| message.name() == name).unwrap();
    let is_one = |field: &&FieldDescriptorProto| field.label() != Label::Repeated;
    let has_order =
        |field: &FieldDescriptorProto| !matches!(field.r#type(), Type::Message | Type::Bool | Type::Enum | Type::Group);
    let mut expected = vec!["start_time".to_owned()];
    for field in message("Process").field.iter().filter(is_one) {
        if has_order(field) {
            expected.push(field.name().to_owned());
        }
        if let Some(inner) = field.type_name().strip_prefix(".procwire.v1.").filter(|_| field.r#type() == Type::Message)
        {
            let parts = message(inner).field.iter().filter(is_one).filter(|part| has_order(part));
            expected.extend(parts.map(|part| format!("{}.{}", field.name(), part.name())));
        }
    }
    // pid and boot are said by the row and the list; the end of a zombie is one of several things.
    expected.retain(|path| !["ref.pid", "ref.boot_id", "ref.pidfd_inode", "exit_status.code"].contains(&path.as_str()));
    expected.sort_unstable();
    let mut columns: Vec<&str> = COLUMNS.iter().map(|column| column.path).collect();
    columns.sort_unstable();
    assert_eq!(columns, expected);
    for column in COLUMNS {
        let root = |path: &'static str| path.split('.').next().unwrap();
        assert_eq!(root(column.field.iter().next().unwrap().path), root(column.path), "{column:?}");
        assert_eq!((column.value)(&Process::default()).is_some(), column.path == "pid", "{column:?}");
    }
}
