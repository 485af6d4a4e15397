//! The first reading of a snapshot with rates, while its window passes.

use procwire_host::add_rates_of;
use procwire_proto::{SystemFieldSet, v1::System};
use prost::Message as _;

/// Kept encoded: the rows of a host with thousands of interfaces take a tenth of the room that way, and many callers may wait.
pub(super) struct FirstReading(Box<[u8]>);

impl FirstReading {
    pub(super) fn of(system: &System) -> Self {
        Self(system.encode_to_vec().into())
    }

    /// Fills the rates among these fields.
    pub(super) fn add_rates_to(&self, fields: SystemFieldSet, second: &mut System) {
        // Was encoded by this process; without it there are no rates, as after a reboot.
        if let Ok(first) = System::decode(&*self.0) {
            add_rates_of(fields, &first, second);
        }
    }
}
