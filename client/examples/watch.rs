//! How busy the processors are, every two seconds, for as long as it runs; survives restarts of the agent.
//!
//! `cargo run -p procwire-client --example watch -- https://host:7443 ca.pem reader.pem reader.key`
#![allow(clippy::print_stdout, reason = "printing is what the example is for")]

use std::error::Error;
use std::time::Duration;

use procwire_client::{Client, SystemEvent};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [endpoint, ca, certificate, key] = arguments()?;
    let client = Client::builder(endpoint).ca_file(ca).identity_files(certificate, key).build()?;

    let mut watch = client.system().watch().fields(["cpu.usage"]).interval(Duration::from_secs(2)).await?;
    while let Some(event) = watch.next().await? {
        match event {
            // The first sample has no rates yet.
            SystemEvent::Sample { seq, system } => println!("{seq}: {:?}", system.cpu.and_then(|cpu| cpu.usage)),
            SystemEvent::Interrupted(interruption) => {
                println!("{}; trying again in {:?}", interruption.error, interruption.retry_in);
            }
            SystemEvent::Gap(gap) => println!("back after {:?}", gap.down_for),
            SystemEvent::Loss(loss) => println!("{} samples lost", loss.count),
            _ => {}
        }
    }
    Ok(())
}

fn arguments() -> Result<[String; 4], &'static str> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    arguments.try_into().map_err(|_| "usage: watch ENDPOINT CA CERTIFICATE KEY")
}
