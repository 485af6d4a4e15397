#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value as Reflected};
use serde_json::json;

use super::*;
use crate::v1::{self, Process, ProcessRef, ProcessState};

#[test]
fn a_process_reads_like_ps() {
    let process = Process {
        pid: 42,
        r#ref: Some(ProcessRef {
            pid: 42,
            start_ticks: 7,
            boot_id: (0..16).collect::<Vec<u8>>().into(),
            pidfd_inode: None,
        }),
        name: Some(b"bash".to_vec()),
        state: Some(ProcessState::DiskSleep.into()),
        uids: Some(v1::UserIds::default()),
        start_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 500_000_000 }),
        ..Process::default()
    };
    assert_eq!(
        to_json(&process),
        json!({
            "pid": 42,
            "ref": {"pid": 42, "start_ticks": 7, "boot_id": "00010203-0405-0607-0809-0a0b0c0d0e0f"},
            "name": "bash",
            "state": "disk_sleep",
            "uids": {"real": 0, "effective": 0, "saved": 0, "filesystem": 0},
            "start_time": "2023-11-14T22:13:20.500Z",
        })
    );
}

#[test]
fn bytes_that_are_no_text_are_kept_beside_the_nearest_text() {
    let process = Process {
        name: Some(b"caf\xe9".to_vec()),
        cmdline: vec![b"ok".to_vec(), b"\xff".to_vec()],
        ..Process::default()
    };
    let json = to_json(&process);
    assert_eq!(json["name"], "caf\u{fffd}");
    assert_eq!(json["name_base64"], "Y2Fm6Q==");
    assert_eq!(json["cmdline"], json!(["ok", "\u{fffd}"]));
    assert_eq!(json["cmdline_base64"], json!(["b2s=", "/w=="]));
    assert_eq!(from_json::<Process>(&json).unwrap(), process);
}

#[test]
fn what_does_not_fit_is_named_by_its_path() {
    let wrong = |value| from_json::<v1::ListProcessesResponse>(&value).unwrap_err().to_string();
    assert_eq!(
        wrong(json!({"processes": [{"pid": -1}]})),
        "processes[0].pid: must be a number of at most 32 bits, not negative"
    );
    assert_eq!(wrong(json!({"processes": [{"stat": 1}]})), "processes[0].stat: no such field");
    assert_eq!(
        wrong(json!({"processes": [{"name_base64": "!", "name": ""}]})),
        "processes[0].name_base64: must be base64"
    );
    assert_eq!(wrong(json!({"processes": {}})), "processes: must be a list");
    assert_eq!(wrong(json!([])), "message: must be an object");
    assert_eq!(
        wrong(json!({"processes": [{"state": "asleep"}]})),
        "processes[0].state: must be a value of ProcessState"
    );
}

#[test]
fn addresses_are_written_as_people_do() {
    let address = v1::InterfaceAddress { ip: vec![10, 0, 0, 5], broadcast: Some(vec![1, 2, 3]), ..Default::default() };
    let json = to_json(&address);
    assert_eq!(json["ip"], "10.0.0.5");
    assert_eq!(json["broadcast_base64"], "AQID", "three bytes are no address");
    assert_eq!(from_json::<v1::InterfaceAddress>(&json).unwrap(), address);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    /// Every message of the API, filled by chance, survives the way there and back.
    #[test]
    fn every_message_survives_the_round_trip(seed: Vec<u8>) {
        let pool = DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
        let mut chance = Chance { seed, next: 0 };
        for descriptor in pool.all_messages().filter(|message| message.package_name() == "procwire.v1") {
            let message = filled(&descriptor, &mut chance, 0);
            let json = encode::message(&message);
            let text = serde_json::to_string(&json).unwrap();
            let read = decode::message(&descriptor, &serde_json::from_str(&text).unwrap(), "");
            let read = read.map(|message| message.encode_to_vec());
            proptest::prop_assert_eq!(read, Ok(message.encode_to_vec()), "{} as {}", descriptor.name(), text);
        }
    }
}

#[test]
fn the_schema_has_no_maps() {
    let pool = DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
    let maps = pool.all_messages().filter(|message| message.package_name() == "procwire.v1" && message.is_map_entry());
    assert_eq!(maps.count(), 0, "json/encode.rs writes no maps");
}

/// Numbers that depend on proptest's seed, so that failures shrink.
struct Chance {
    seed: Vec<u8>,
    next: usize,
}

impl Chance {
    fn byte(&mut self) -> u8 {
        self.next += 1;
        let from_seed = self.seed.get(self.next % (self.seed.len() + 1)).copied().unwrap_or(3);
        from_seed.wrapping_mul(31).wrapping_add(u8::try_from(self.next % 251).unwrap())
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte() % 20);
        (0..length).map(|_| self.byte()).collect()
    }

    fn number(&mut self) -> u64 {
        let shift = self.byte() % 64;
        u64::from_le_bytes(std::array::from_fn(|_| self.byte())) >> shift
    }
}

fn filled(descriptor: &MessageDescriptor, chance: &mut Chance, depth: u8) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if chance.byte().is_multiple_of(3) || depth > 3 {
            continue;
        }
        let value = if field.is_list() {
            let length = chance.byte() % 3;
            Reflected::List((0..length).map(|_| one(&field, chance, depth)).collect())
        } else {
            one(&field, chance, depth)
        };
        message.set_field(&field, value);
    }
    message
}

#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "any number will do")]
fn one(field: &FieldDescriptor, chance: &mut Chance, depth: u8) -> Reflected {
    match field.kind() {
        Kind::Bool => Reflected::Bool(chance.byte().is_multiple_of(2)),
        // Nanoseconds beyond a second and the like have no form in RFC 3339 and are written as numbers.
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Reflected::I32(chance.number() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Reflected::I64(chance.number() as i64),
        Kind::Uint32 | Kind::Fixed32 => Reflected::U32(chance.number() as u32),
        Kind::Uint64 | Kind::Fixed64 => Reflected::U64(chance.number()),
        Kind::Float => Reflected::F32(f32::from(chance.byte()) / 7.0),
        Kind::Double => match chance.byte() % 8 {
            0 => Reflected::F64(f64::INFINITY),
            1 => Reflected::F64(f64::NEG_INFINITY),
            _ => Reflected::F64(chance.number() as f64 / 7.0),
        },
        Kind::String => Reflected::String(String::from_utf8_lossy(&chance.bytes()).into_owned()),
        Kind::Bytes => Reflected::Bytes(chance.bytes().into()),
        Kind::Enum(_) => Reflected::EnumNumber(i32::from(chance.byte() % 70)),
        Kind::Message(descriptor) => Reflected::Message(filled(&descriptor, chance, depth + 1)),
    }
}
