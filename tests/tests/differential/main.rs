//! Every field served, of every live process, against psutil 7.2.2, procps and the kernel's own files: asked before and after
//! the agent, so that what changes meanwhile can be told from what is wrong. Tolerances stand in one table: `rules.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod comparison;
mod documented;
mod flatten;
mod generic_client;
mod judge;
mod made_hardware;
mod processes;
mod relatives;
mod rules;
mod sockets;
mod system;
mod usage;
mod zoo;
