//! The agent: serves a host's processes and metrics over gRPC with mutual TLS.
//!
//! A call goes one way: `server` (accept, TLS, limits) -> `access` (principal, permission table) -> `services` (parse) ->
//! `host_pool` (the one door to blocking code) -> the host. [`app`] puts them together; `status` is where errors become gRPC statuses.

pub mod access;
pub mod app;
pub mod audit;
pub mod config;
pub mod context;
pub mod counters;
mod digest;
pub mod embedded;
mod health;
pub mod host_pool;
pub mod logging;
pub mod policy;
pub mod reload;
mod sampler;
pub mod server;
pub mod services;
mod shares;
pub mod shutdown;
mod spiffe;
pub mod status;
mod units;

pub use app::{Agent, RunError, StartError};
pub use config::{Config, ConfigError};
pub use embedded::Embedded;

/// The same small authority as the tests of the network have.
#[cfg(test)]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared with tests/network, where tests fail by panicking"
)]
#[path = "../tests/network/pki.rs"]
mod pki;
