//! Which role gets what.

use procwire_proto::DataClass;

use crate::access::Role;

/// Lowest role that gets something of this class; what it gets may be masked.
pub(crate) fn needed_role(class: DataClass) -> Role {
    match class {
        DataClass::Basic | DataClass::CommandLine => Role::Reader,
        DataClass::Environ | DataClass::Files | DataClass::Sockets | DataClass::Maps => Role::Inspector,
    }
}

/// Lowest role that gets all of this class.
pub(crate) fn unmasked_role(class: DataClass) -> Role {
    match class {
        DataClass::Basic => Role::Reader,
        DataClass::CommandLine | DataClass::Files | DataClass::Sockets | DataClass::Maps => Role::Inspector,
        DataClass::Environ => Role::Admin,
    }
}
