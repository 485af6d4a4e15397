use procwire_proto::{DataClass, process_fields::bit};

use super::*;
use crate::access::Role;

fn roles(role: Role) -> RoleSet {
    RoleSet::from_iter([role])
}

fn reading(asked: ProcessFieldSet, role: Role) -> Reading {
    Reading::new(asked, roles(role), Selection::default())
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
        let reading = Reading::new(asked, roles(Role::Admin), selection);
        (reading.lane(Depth::Whole), reading.lane_of_rest(Depth::Whole))
    };
    assert_eq!(lanes(bit::MEMORY_MAPS, "memory.resident_bytes"), (Lane::Quick, Lane::Heavy));
    assert_eq!(lanes(bit::CMDLINE, "memory_footprint.unique_bytes"), (Lane::Heavy, Lane::Slow));
    assert_eq!(lanes(bit::STATE, "start_time"), (Lane::Quick, Lane::Quick));
}

#[test]
fn nobody_without_a_role_reads_anything() {
    let reading = Reading::new(bit::NAME, RoleSet::default(), Selection::default());
    assert_eq!(withheld(&reading), [("name".to_owned(), FieldErrorReason::Redacted)]);
    assert_eq!(reading.lane(Depth::Whole), Lane::Quick, "so there is nothing to wait for");
}

#[test]
fn classes_above_a_reader_are_withheld_from_it() {
    for class in [DataClass::Environ, DataClass::Files, DataClass::Sockets, DataClass::Maps] {
        assert!(!roles(Role::Reader).allows(needed_role(class)), "{class:?}");
    }
    assert!(!roles(Role::Reader).allows(unmasked_role(DataClass::CommandLine)));
    let asked =
        bit::ENVIRON.union(bit::OPEN_FILES).union(bit::SOCKETS).union(bit::MEMORY_MAPS).union(bit::MEMORY_MAP_GROUPS);
    let reading = reading(asked.union(bit::STATE), Role::Reader);
    let paths: Vec<String> = withheld(&reading).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["environ", "memory_maps", "open_files", "sockets", "memory_map_groups"]);
    assert_eq!(reading.lane(Depth::Whole), Lane::Quick, "what is withheld is not read");
}
