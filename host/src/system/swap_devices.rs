//! Swap devices.

use procwire_proto::{system_fields::bit, v1::FieldErrorReason};

use super::{
    answer::Answer,
    kept_file::{KeptFile, ReadBuffer},
    parse::swaps,
};
use crate::Host;

pub(super) struct SwapDevices {
    swaps: KeptFile,
}

impl SwapDevices {
    pub(super) fn new(host: &Host) -> Self {
        Self { swaps: KeptFile::new(host.roots().proc.join("swaps")) }
    }

    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(bit::SWAP_DEVICES) {
            return;
        }
        let (devices, is_whole) = match self.swaps.read(buffer) {
            Ok(text) => swaps::parse(text),
            // A kernel without swap has no such file (CONFIG_SWAP).
            Err(error) => return answer.unreadable(bit::SWAP_DEVICES, &error),
        };
        if !is_whole {
            let detail = format!("{} has lines that cannot be understood", self.swaps.path().display());
            answer.absent(bit::SWAP_DEVICES, FieldErrorReason::InvalidData, &detail);
        }
        answer.system.swap.get_or_insert_default().devices = devices;
    }
}
