//! The image, the compose file and the Kubernetes manifest: what can be read of them everywhere, and what can be tried where there is a
//! container engine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod compose;
mod engine;
mod image;
mod manifest;

/// What is typed into an image's health check and into a cluster's probes.
const HEALTH: [&str; 13] = [
    "procwire",
    "--endpoint",
    "https://localhost:7443",
    "--ca",
    "/identity/ca.crt",
    "--cert",
    "/identity/health.crt",
    "--key",
    "/identity/health.key",
    "--timeout",
    "4s",
    "agent",
    "health",
];
