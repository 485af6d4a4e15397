//! The wire of procwire: messages, services, field tables and canonical JSON of `procwire.v1`.
//!
//! The protobuf messages are the model: the agent's reader fills them and the SDK hands them out, with no second set of
//! structs between. What makes them pleasant to use is in the inherent methods beside the generated code.

pub mod cgroup_fields;
mod enum_names;
pub mod escape;
mod field_set;
mod ip_network;
#[cfg(feature = "json")]
pub mod json;
pub mod process_fields;
mod process_lookup;
mod process_text;
mod references;
mod socket_text;
pub mod system_fields;
mod system_totals;

pub use cgroup_fields::CgroupFieldSet;
pub use field_set::{Availability, DataClass, Field, FieldSet, FieldTable, UnknownPath};
pub use ip_network::InvalidNetwork;
pub use process_fields::ProcessFieldSet;
pub use system_fields::SystemFieldSet;
pub use system_totals::{DiskTotals, NetworkTotals};

pub use prost_types::{Duration, FieldMask, Timestamp};

/// Version 1 of the wire, as generated from `procwire/v1/*.proto`.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated; comments come from the .proto files, and a test demands them there"
)]
pub mod v1 {
    include!("generated/procwire.v1.rs");
}

/// The compiled `.proto` files, imports included, as a serialized `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/procwire.v1.fds");

/// Domain of the `google.rpc.ErrorInfo` in every error status.
pub const ERROR_DOMAIN: &str = "procwire";
