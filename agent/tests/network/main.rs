//! The agent over real sockets: who gets in, who does not, what cuts whom off, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod calls;
mod daemon;
mod embedded;
mod ending;
mod harness;
mod limits;
#[allow(dead_code, reason = "shared with the unit tests")]
mod pki;
mod refused;
