//! End to end: the real agent, the real SDK, the real command line tool, real certificates. Tests are named as sentences.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "tests fail by panicking, and their futures live once"
)]

mod admission;
mod audit;
mod bad_input;
mod certificate_reload;
mod certificates;
mod certificates_page;
mod cgroups;
mod command_line;
mod command_line_control;
mod command_line_host;
mod command_line_lists;
mod command_line_process;
mod command_line_questions;
mod command_line_sockets;
mod command_line_system;
mod conditions;
mod configuration;
mod container_mode;
mod disk_usage;
mod filters;
mod health;
mod hung_mounts;
mod laid_out;
mod large_table;
mod made_sockets;
mod made_up_proc;
mod mount_changes;
mod network;
mod nothing_leaks;
mod odd_processes;
mod order;
mod permissions;
mod pid_reuse;
mod pki_lifecycle;
mod policy;
mod relations;
mod revocation;
mod roles;
mod rough_network;
mod shutdown;
mod signal;
mod slow_readers;
mod snapshot;
mod sockets;
mod spiffe;
mod spire_layout;
mod terminate;
mod terminate_many;
mod terminate_refusals;
mod terminate_tree;
mod units;
mod unprivileged;
mod update_process;
mod usage_window;
mod users;
mod wait;
mod wait_many;
mod watch;
mod without_pidfd;
