#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use procwire_proto::{DataClass, process_fields::bit};

use super::*;
use crate::access::Role;

fn sight(role: Role) -> Sight {
    Sight::of_roles([role].into_iter().collect())
}

fn reading(asked: ProcessFieldSet, role: Role) -> Reading {
    Reading::new(asked, &sight(role), Selection::default())
}

fn withheld(reading: &Reading) -> Vec<(String, FieldErrorReason)> {
    let mut row = Process::default();
    reading.complete(&mut row);
    row.errors.iter().map(|error| (error.path.clone(), error.reason())).collect()
}

#[test]
fn each_kind_of_waiting_has_its_lane() {
    for (fields, lanes) in [
        (bit::STATE, [Lane::Quick, Lane::Quick, Lane::Quick]),
        (bit::STATE.union(bit::CMDLINE), [Lane::Slow, Lane::Slow, Lane::Quick]),
        (bit::IO_READ_BYTES, [Lane::Slow, Lane::Slow, Lane::Quick]),
        (bit::NAME, [Lane::Slow, Lane::Slow, Lane::Quick]),
        (bit::EXE_DELETED, [Lane::Slow, Lane::Slow, Lane::Quick]),
        (bit::CWD, [Lane::Slow, Lane::Slow, Lane::Quick]),
        (bit::ROOT, [Lane::Slow, Lane::Slow, Lane::Quick]),
        (bit::USERNAME, [Lane::Slow, Lane::Slow, Lane::Quick]),
        (bit::UIDS, [Lane::Quick, Lane::Quick, Lane::Quick]),
        (bit::STATE.union(bit::MEMORY_MAPS), [Lane::Heavy, Lane::Quick, Lane::Quick]),
        (bit::CMDLINE.union(bit::THREADS), [Lane::Heavy, Lane::Slow, Lane::Quick]),
    ] {
        let reading = reading(fields, Role::Admin);
        let found = [Depth::Whole, Depth::Moderate, Depth::Light].map(|depth| reading.lane(depth));
        assert_eq!(found, lanes, "{fields:?}");
    }
}

#[test]
fn an_order_is_walked_in_the_lane_of_its_keys_and_the_rest_read_in_its_own() {
    let lanes = |asked, key: &str| {
        let order_by = procwire_proto::v1::OrderBy { paths: vec![key.to_owned()], descending: true };
        let order = Order::parse(&[order_by], true).ok();
        let selection = Selection { order: order.unwrap_or_default(), ..Selection::default() };
        let reading = Reading::new(asked, &sight(Role::Admin), selection);
        (reading.lane(Depth::Whole), reading.lane_of_rest(Depth::Whole))
    };
    assert_eq!(lanes(bit::MEMORY_MAPS, "memory.resident_bytes"), (Lane::Quick, Lane::Heavy));
    assert_eq!(lanes(bit::CMDLINE, "memory_footprint.unique_bytes"), (Lane::Heavy, Lane::Slow));
    assert_eq!(lanes(bit::STATE, "start_time"), (Lane::Quick, Lane::Quick));
}

#[test]
fn nobody_without_a_role_reads_anything() {
    let reading = Reading::new(bit::NAME, &Sight::default(), Selection::default());
    assert_eq!(withheld(&reading), [("name".to_owned(), FieldErrorReason::Redacted)]);
    assert_eq!(reading.lane(Depth::Whole), Lane::Quick, "so there is nothing to wait for");
}

#[test]
fn classes_above_a_reader_are_withheld_from_it() {
    for class in [DataClass::Environ, DataClass::Files, DataClass::Sockets, DataClass::Maps] {
        assert!(!sight(Role::Reader).sees(class), "{class:?}");
    }
    assert!(!sight(Role::Reader).has(Disclosure::CmdlineSecrets));
    let asked =
        bit::ENVIRON.union(bit::OPEN_FILES).union(bit::SOCKETS).union(bit::MEMORY_MAPS).union(bit::MEMORY_MAP_GROUPS);
    let reading = reading(asked.union(bit::STATE), Role::Reader);
    let paths: Vec<String> = withheld(&reading).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["environ", "memory_maps", "open_files", "sockets", "memory_map_groups"]);
    assert_eq!(reading.lane(Depth::Whole), Lane::Quick, "what is withheld is not read");
}

/// The sources of the files that these fields take, stat and the completion of names aside.
fn files(fields: ProcessFieldSet) -> Vec<&'static str> {
    let mut sources: Vec<_> =
        fields.iter().map(|field| field.source).filter(|file| *file != "/proc/PID/stat").collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// On every way that a row can take.
#[test]
fn each_file_is_read_once_and_what_a_row_is_ordered_by_is_not_read_again() {
    use procwire_proto::v1::{BytesMatch, OrderBy, ProcessFilter, ProcessPredicate, bytes_match::Match};
    let text = || Some(BytesMatch { r#match: Some(Match::Prefix(b"x".to_vec())) });
    let predicates = [
        ProcessPredicate { uids: vec![1], cmdline: text(), ppids: vec![1], ..Default::default() },
        ProcessPredicate { min_resident_bytes: Some(1), exe: text(), ..Default::default() },
        ProcessPredicate { name: text(), pids: vec![3], ..Default::default() },
        ProcessPredicate { cgroup_prefix: Some(b"/".to_vec()), min_fd_count: Some(1), ..Default::default() },
    ];
    let keys = [
        "memory.resident_bytes",
        "uids.real",
        "memory_footprint.unique_bytes",
        "cmdline_raw",
        "name",
        "io.read_bytes",
        "pid",
    ];
    let masks =
        [ProcessFieldSet::all_served(), ProcessFieldSet::default_list(), bit::GIDS.union(bit::CMDLINE), bit::PID];
    let orders = std::iter::once(None).chain(keys.map(Some));
    for (key, asked, chosen) in
        orders.flat_map(|key| masks.into_iter().flat_map(move |mask| (0..16_u8).map(move |chosen| (key, mask, chosen))))
    {
        let allow = predicates.iter().enumerate().filter(|(index, _)| chosen & (1 << index) != 0);
        let filter = ProcessFilter { allow: allow.map(|(_, predicate)| predicate.clone()).collect(), deny: vec![] };
        let circumstances = super::super::filter::Circumstances {
            boot_id: &[1; 16],
            sight: &sight(Role::Admin),
            has_usage_window: false,
        };
        let order_by: Vec<OrderBy> =
            key.into_iter().map(|key: &str| OrderBy { paths: vec![key.to_owned()], descending: true }).collect();
        let order = Order::parse(&order_by, false).unwrap();
        let keys = order.fields();
        let filter = Filter::parse(filter, &circumstances).unwrap();
        let looked_at = filter.fields();
        let reading = Reading::new(asked, &sight(Role::Admin), Selection { filter, order, ..Selection::default() });
        for way in reading.passage.ways() {
            let steps: Vec<ProcessFieldSet> =
                way.iter().copied().chain(reading.rest.iter().map(|step| step.fields)).collect();
            let whole = steps.iter().fold(ProcessFieldSet::EMPTY, |all, fields| all.union(*fields));
            assert!(whole.contains(asked.union(keys)), "{key:?} {asked:?} {looked_at:?}");
            let read: usize = steps.iter().map(|fields| files(*fields).len()).sum();
            assert_eq!(read, files(whole).len(), "{steps:?}");
            for (index, fields) in steps.iter().enumerate() {
                assert!(steps.iter().skip(index + 1).all(|later| !later.intersects(*fields)), "{steps:?}");
            }
            assert!(
                reading.rest.iter().all(|step| !step.fields.intersects(keys.union(looked_at).difference(bit::NAME)))
            );
        }
    }
}

#[test]
fn a_filter_begins_with_what_costs_nothing() {
    use procwire_proto::v1::{BytesMatch, ProcessFilter, ProcessPredicate, bytes_match::Match};
    let cmdline = Some(BytesMatch { r#match: Some(Match::Exact(vec![])) });
    let predicate =
        ProcessPredicate { cmdline, uids: vec![1], ppids: vec![1], min_fd_count: Some(1), ..Default::default() };
    let circumstances =
        super::super::filter::Circumstances { boot_id: &[1; 16], sight: &sight(Role::Admin), has_usage_window: false };
    let filter = Filter::parse(ProcessFilter { allow: vec![predicate], deny: vec![] }, &circumstances).unwrap();
    let selection = Selection { filter, ..Selection::default() };
    let reading = Reading::new(bit::GIDS.union(bit::CMDLINE_RAW), &sight(Role::Admin), selection);
    let longest = reading.passage.ways().last().unwrap();
    assert_eq!(
        longest[..3],
        [bit::PPID, bit::UIDS.union(bit::GIDS).union(bit::FD_COUNT), bit::CMDLINE.union(bit::CMDLINE_RAW)]
    );
}
