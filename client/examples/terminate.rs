//! Ends a process gracefully and tells how it ended.
//!
//! `cargo run -p procwire-client --example terminate -- https://host:7443 ca.pem operator.pem operator.key PID`
#![allow(clippy::print_stdout, reason = "printing is what the example is for")]

use std::error::Error;
use std::time::Duration;

use procwire_client::{Client, TerminateStep, TerminationOutcome};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [endpoint, ca, certificate, key, pid] = arguments()?;
    let client = Client::builder(endpoint).ca_file(ca).identity_files(certificate, key).build()?;

    // A pid names whatever process has it now; the reference names this one and no other.
    let found = client.processes().get(pid.parse::<u32>()?).fields(["name", "ref"]).await?;
    let process = found.process.ok_or("the agent sent no process")?;
    let reference = process.r#ref.as_ref().ok_or("the process has no reference")?;

    let mut termination =
        client.control().terminate(reference).grace(Duration::from_secs(20)).reason("example").await?;
    println!("{} ({}): request {}", process.display_name(), process.pid, termination.request_id());
    while let Some(event) = termination.next().await? {
        match event.step {
            TerminateStep::Refused(error) => println!("refused: {error}"),
            step => println!("{:>7.3} s {step:?}", event.elapsed.as_secs_f64()),
        }
    }

    // The short form: a rehearsal of the same, and its outcome in one.
    match client.control().terminate(reference).dry_run(true).await?.outcome().await {
        Ok(TerminationOutcome::DryRun(_)) => println!("it is still there"),
        Ok(outcome) => println!("{outcome:?}"),
        Err(error) if error.is_gone() => println!("it is gone"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn arguments() -> Result<[String; 5], &'static str> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    arguments.try_into().map_err(|_| "usage: terminate ENDPOINT CA CERTIFICATE KEY PID")
}
