//! Harness of the end-to-end and differential tests: the real programs, a fresh authority, processes made for the purpose.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod agent;
mod bomb;
mod control_group;
mod ending;
mod pki;
pub mod programs;
pub mod python;
pub mod raw;
mod shell;
mod terminal;
mod victim;
pub mod waiting;

use std::path::{Path, PathBuf};

pub use agent::{Agent, AgentOptions, NOBODY};
pub use bomb::Bomb;
pub use control_group::ControlGroup;
pub use ending::{assert_ended, kernel_tells_exit_status};
pub use pki::{Identity, Pki};
pub use procwire_cli::pki::Role;
pub use programs::{is_root, signal};
pub use shell::Shell;
pub use terminal::Terminal;
pub use victim::{Victim, boot_id, reference_of};

/// The folder with the workspace's Cargo.toml.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
