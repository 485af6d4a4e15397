//! The SDK against a scripted agent: the real services, over a byte stream in memory or over real TLS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod agent_identity;
mod authority;
mod broken_actions;
mod certificates;
mod connections;
mod control;
mod control_many;
mod errors;
mod fake_agent;
mod fake_services;
mod host_lists;
mod lists;
mod relations;
mod renewed;
mod retries;
mod script;
mod selects;
mod sockets;
mod tls_door;
mod trees;
mod updates;
mod watches;
