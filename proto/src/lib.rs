//! stub
#[allow(missing_docs)]
pub mod v1 { include!("generated/procwire.v1.rs"); }
