//! A client that knows nothing of procwire but its `.proto` files: Python's grpcio with a client certificate.

use std::{fs, process::Command};

use procwire_tests::{Agent, Role, Victim, python, workspace};
use serde_json::Value;

#[tokio::test]
async fn a_python_client_made_from_the_proto_files_lists_processes_and_reads_the_system() {
    let agent = Agent::start();
    let victim = Victim::named(b"\xffgeneric", "sleep");
    let identity = agent.pki.client(Role::Reader);
    fs::write(agent.path("client.crt"), &identity.certificate_pem).unwrap();
    fs::write(agent.path("client.key"), &identity.key_pem).unwrap();
    let output = Command::new(python::python())
        .arg(python::script("generic_client.py"))
        .arg(workspace().join("proto"))
        .arg(agent.address().to_string())
        .args([agent.path("ca.crt"), agent.path("client.crt"), agent.path("client.key")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["processes"][victim.pid().to_string()], "ff67656e65726963", "{told}");
    assert_eq!(told["returned"], told["processes"].as_object().unwrap().len(), "{told}");
    assert_eq!(told["memory_total_bytes"], memory_total_bytes(), "{told}");
    assert_eq!(told["denied"]["code"], "PERMISSION_DENIED", "{told}");
    assert_eq!(told["denied"]["reason"], "ROLE_MISSING", "{told}");
}

fn memory_total_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
