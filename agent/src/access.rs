//! Who may call what: caller, roles, permission table, and the layer that applies them before a body is read.

mod layer;
mod permissions;
mod principal;
mod renewed;
mod role;

pub use self::{
    layer::{Access, AccessLayer},
    permissions::{PERMISSIONS, Permission, TableError, check_table, permission},
    principal::{IdentityError, Principal},
    role::{Role, RoleSet},
};
