//! Interfaces: what they are, beside their counters. The kernel is asked by netlink, and asked again only when it said that something
//! changed; where netlink is not for us, files of sysfs and procfs tell most of it.

mod by_files;
mod by_kernel;
mod ipv4_files;
mod place;

use procwire_proto::{
    SystemFieldSet,
    system_fields::bit,
    v1::{FieldErrorReason, NetworkInterface},
};

pub(super) use self::place::net_folder;
use self::{
    by_files::Files,
    by_kernel::Kernel,
    place::{NoSocket, Place},
};
use super::{
    answer::{Answer, Failure},
    kept_file::ReadBuffer,
};
use crate::Host;

/// What is told of an interface beside its addresses and its speed.
const PROPERTIES: SystemFieldSet = bit::NETWORK_INTERFACES_HARDWARE_ADDRESS
    .union(bit::NETWORK_INTERFACES_FLAGS)
    .union(bit::NETWORK_INTERFACES_RUNNING)
    .union(bit::NETWORK_INTERFACES_MTU_BYTES)
    .union(bit::NETWORK_INTERFACES_INDEX)
    .union(bit::NETWORK_INTERFACES_KIND)
    .union(bit::NETWORK_INTERFACES_CONTROLLER_INDEX)
    .union(bit::NETWORK_INTERFACES_OPERATIONAL_STATE)
    .union(bit::NETWORK_INTERFACES_CARRIER_CHANGES)
    .union(bit::NETWORK_INTERFACES_ALIAS);

/// What a driver is asked for.
const SPEED: SystemFieldSet = bit::NETWORK_INTERFACES_BITS_PER_SECOND.union(bit::NETWORK_INTERFACES_DUPLEX);

/// What the counters of two readings are compared for: an interface of the same name with another index is another one.
const COMPARED: SystemFieldSet = bit::NETWORK_INTERFACES_RATES.union(bit::NETWORK_INTERFACES_COUNTERS_RESET);

/// Everything that is found out here.
pub(super) const LINKS: SystemFieldSet = PROPERTIES.union(SPEED).union(bit::NETWORK_INTERFACES_ADDRESSES);

pub(super) struct Links {
    place: Place,
    source: Option<Source>,
}

/// Where links are read.
enum Source {
    Kernel(Kernel),
    Files(Files),
}

impl Links {
    pub(super) fn new(host: &Host) -> Self {
        Self { place: Place::new(host), source: None }
    }

    /// Tells of the interfaces that are in the answer, because the list of those with counters is the list that people know.
    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(LINKS.union(COMPARED)) {
            return;
        }
        let Some(mut network) = answer.system.network.take() else { return };
        let Self { place, source } = self;
        match open(source, place) {
            Ok(Source::Kernel(kernel)) => kernel.tell(place, &mut network.interfaces, answer),
            Ok(Source::Files(files)) => files.tell(&mut network.interfaces, buffer, answer),
            Err(failure) => answer.failed(LINKS, &failure),
        }
        answer.system.network = Some(network);
    }
}

fn open<'s>(source: &'s mut Option<Source>, place: &Place) -> Result<&'s mut Source, Failure> {
    let opened = match source.take() {
        Some(opened) => opened,
        None => match place.enter(Kernel::open) {
            Ok(kernel) => Source::Kernel(kernel),
            Err(NoSocket::Refused(why)) => Source::Files(place.files(why)),
            Err(NoSocket::Failed(failure)) => return Err(failure),
        },
    };
    Ok(source.insert(opened))
}

/// Copies what was asked for, and why it is absent.
fn tell(known: &NetworkInterface, row: &mut NetworkInterface, answer: &Answer) {
    let wants = |field| answer.wants(field);
    if wants(bit::NETWORK_INTERFACES_HARDWARE_ADDRESS) {
        row.hardware_address.clone_from(&known.hardware_address);
    }
    if wants(bit::NETWORK_INTERFACES_FLAGS) {
        row.flags = known.flags;
    }
    if wants(bit::NETWORK_INTERFACES_RUNNING) {
        row.running = known.running;
    }
    if wants(bit::NETWORK_INTERFACES_MTU_BYTES) {
        row.mtu_bytes = known.mtu_bytes;
    }
    if wants(bit::NETWORK_INTERFACES_INDEX.union(COMPARED)) {
        row.index = known.index;
    }
    if wants(bit::NETWORK_INTERFACES_KIND) {
        row.kind.clone_from(&known.kind);
    }
    if wants(bit::NETWORK_INTERFACES_CONTROLLER_INDEX) {
        row.controller_index = known.controller_index;
    }
    if wants(bit::NETWORK_INTERFACES_OPERATIONAL_STATE) {
        row.operational_state.clone_from(&known.operational_state);
    }
    if wants(bit::NETWORK_INTERFACES_CARRIER_CHANGES) {
        row.carrier_changes = known.carrier_changes;
    }
    if wants(bit::NETWORK_INTERFACES_ALIAS) {
        row.alias.clone_from(&known.alias);
    }
    if wants(bit::NETWORK_INTERFACES_ADDRESSES) {
        row.addresses.clone_from(&known.addresses);
    }
    let is_wanted = |path: &str| LINKS.iter().any(|field| is_path(field.path, path) && wants_one(answer, field.path));
    row.errors.extend(known.errors.iter().filter(|error| is_wanted(&error.path)).cloned());
}

/// None of this can be told of one interface.
fn absent(fields: SystemFieldSet, row: &mut NetworkInterface, failure: &Failure, answer: &Answer) {
    for field in fields.iter().filter(|field| wants_one(answer, field.path)) {
        row.errors.push(failure.clone().of_row(field.path.strip_prefix(ROWS).unwrap_or(field.path)));
    }
}

const ROWS: &str = "network.interfaces.";

fn is_path(of_field: &str, of_row: &str) -> bool {
    of_field.strip_prefix(ROWS) == Some(of_row)
}

fn wants_one(answer: &Answer, path: &str) -> bool {
    answer.wants(SystemFieldSet::matching(|field| field.path == path))
}

/// It was there when counters were read, and gone when it was asked what it is.
fn gone() -> Failure {
    Failure { reason: FieldErrorReason::ReadFailed, detail: "the interface is gone".to_owned() }
}
