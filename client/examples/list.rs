//! The ten processes with the most resident memory.
//!
//! `cargo run -p procwire-client --example list -- https://host:7443 ca.pem reader.pem reader.key`
#![allow(clippy::print_stdout, reason = "printing is what the example is for")]

use std::error::Error;

use procwire_client::Client;
use procwire_client::v1::Process;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [endpoint, ca, certificate, key] = arguments()?;
    let client = Client::builder(endpoint).ca_file(ca).identity_files(certificate, key).build()?;

    let fields = ["pid", "name", "username", "memory.resident_bytes"];
    let list = client.processes().list().top(10, "memory.resident_bytes").fields(fields).await?;
    for process in &list.processes {
        println!("{:>8} {:>8} KiB  {}", process.pid, resident_bytes(process) / 1024, process.display_name());
    }
    println!(
        "{} of {} processes, {} vanished meanwhile",
        list.summary.returned, list.summary.listed, list.summary.vanished
    );
    Ok(())
}

/// Kernel threads have none.
fn resident_bytes(process: &Process) -> u64 {
    process.memory.as_ref().and_then(|memory| memory.resident_bytes).unwrap_or_default()
}

fn arguments() -> Result<[String; 4], &'static str> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    arguments.try_into().map_err(|_| "usage: list ENDPOINT CA CERTIFICATE KEY")
}
