//! The table of the fields of [`System`].

use crate::{field_set::field_table, v1::System};

/// A set of fields of [`System`].
pub type SystemFieldSet = crate::FieldSet<System>;

field_table! { System,
    HOST = "host" from "uname(2)" Free Basic Default;
}
