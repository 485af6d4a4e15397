//! Sections `host` and `boot`, as far as they need no file.

use procwire_proto::{system_fields::bit, v1::HostIdentity};

use super::answer::Answer;
use crate::Host;

pub(super) fn fill(host: &Host, answer: &mut Answer) {
    if answer.wants(bit::HOST) {
        answer.system.host = Some(host_identity(host));
    }
    if answer.wants(bit::BOOT_ID) {
        answer.system.boot.get_or_insert_default().id = host.machine().boot_id.to_vec();
    }
    if answer.wants(bit::BOOT_UPTIME_NS) {
        // The sample's monotonic clock is CLOCK_BOOTTIME.
        let uptime_ns = answer.system.sampled.as_ref().map(|sampled| sampled.monotonic_ns);
        answer.system.boot.get_or_insert_default().uptime_ns = uptime_ns;
    }
}

fn host_identity(host: &Host) -> HostIdentity {
    let names = rustix::system::uname();
    HostIdentity {
        kernel_name: names.sysname().to_bytes().to_vec(),
        hostname: host.name(),
        kernel_release: names.release().to_bytes().to_vec(),
        kernel_version: names.version().to_bytes().to_vec(),
        machine: names.machine().to_bytes().to_vec(),
        domainname: names.domainname().to_bytes().to_vec(),
    }
}
