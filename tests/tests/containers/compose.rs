//! docker-compose.yml brought up for real.

use std::{collections::BTreeMap, fs, net::TcpListener, process::Command};

use procwire_tests::waiting::eventually;
use serde_json::Value;

use crate::{
    HEALTH,
    engine::{Engine, docker, said, tried},
    image::Images,
};

const HOSTS: [&str; 3] = ["host-a", "host-b", "host-c"];
/// mem_limit of the agents.
const LIMIT_BYTES: u64 = 64 << 20;

/// What was brought up. It is taken down, and everything it left removed, with this value.
struct Stack {
    engine: Engine,
    project: String,
    images: Images,
    port: u16,
}

impl Stack {
    fn new(engine: Engine) -> Self {
        let run = std::process::id().to_string();
        // Free now; nothing but the monitoring agent is to take it.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { engine, project: format!("procwire-test-{run}"), images: Images::make(&run), port }
    }

    fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = self.engine.compose(&self.project);
        command.args(arguments).env("PROCWIRE_IMAGE", &self.images.shipped).env("PROCWIRE_PORT", self.port.to_string());
        command
    }

    fn container(&self, service: &str) -> String {
        let told = said(&mut self.compose(&["--profile", "monitoring", "ps", "--all", "--quiet", service]));
        let id = told.trim().to_owned();
        assert!(!id.is_empty() && !id.contains('\n'), "{service}: {id:?}");
        id
    }

    /// What an agent answers to its own health check's identity, inside its container.
    fn ask(&self, service: &str, port: u16, arguments: &[&str]) -> Value {
        let told =
            said(docker(["exec", &self.container(service)]).args(as_health(port)).args(arguments).args(["-o", "json"]));
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    fn inspect(&self, service: &str, what: &str) -> String {
        said(&mut docker(["inspect", "--format", what, &self.container(service)])).trim().to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show(&tried(&mut self.compose(&["--profile", "monitoring", "logs", "--no-color"])).stdout);
        }
        let down = ["--profile", "monitoring", "down", "--volumes", "--remove-orphans", "--timeout", "1"];
        tried(&mut self.compose(&down));
    }
}

#[allow(clippy::print_stderr, reason = "a failed test shows what the containers said")]
fn show(logs: &[u8]) {
    eprintln!("--- logs of the containers\n{}---", String::from_utf8_lossy(logs));
}

/// The command of the health check up to what it asks.
fn as_health(port: u16) -> Vec<String> {
    let words = HEALTH[..HEALTH.len() - 4].iter();
    words.map(|word| word.replace("localhost:7443", &format!("127.0.0.1:{port}"))).collect()
}

#[test]
fn three_hosts_come_up_and_a_client_hears_from_all_of_them() {
    let Some(engine) = Engine::find() else { return };
    let stack = Stack::new(engine);
    said(&mut stack.compose(&["up", "--detach", "--no-build"]));
    the_client_is_answered_by_all(&stack);
    agents_are_healthy_and_nobody_special(&stack);
    limit_and_host_stand_side_by_side(&stack);
    keys_are_for_their_agent_alone(&stack);
    a_second_start_keeps_every_identity(&stack);
    the_machine_is_seen_from_a_container(&stack);
    the_network_of_the_machine_is_seen_from_another(&stack);
}

fn the_client_is_answered_by_all(stack: &Stack) {
    let client = stack.container("client");
    assert_eq!(said(&mut docker(["wait", &client])).trim(), "0");
    let answer = said(&mut docker(["logs", &client]));
    for host in HOSTS {
        let named = |line: &str| line.split_whitespace().eq(["name", host]);
        assert!(answer.lines().any(named), "{host} is not in the answer:\n{answer}");
    }
    assert_eq!(answer.lines().filter(|line| line.ends_with("procwired")).count(), HOSTS.len(), "{answer}");
    assert_eq!(answer.lines().filter(|line| line.contains("64 MiB")).count(), HOSTS.len(), "{answer}");
}

fn agents_are_healthy_and_nobody_special(stack: &Stack) {
    for host in HOSTS {
        assert_eq!(stack.inspect(host, "{{.State.Health.Status}}"), "healthy", "{host}");
        assert_eq!(stack.inspect(host, "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}}"), "true false");
        let info = stack.ask(host, 7443, &["agent", "info"]);
        assert_eq!((&info["hostname"], &info["container_mode"]), (&Value::from(host), &Value::from(false)), "{info}");
        let rows = stack.ask(host, 7443, &["ps", "--fields", "name,uids,capabilities"]);
        let agent = rows.as_array().unwrap().iter().find(|row| row["name"] == "procwired").unwrap();
        assert_eq!(agent["uids"]["real"], 65_532, "{agent}");
        assert_eq!(agent["uids"]["effective"], 65_532, "{agent}");
    }
}

fn limit_and_host_stand_side_by_side(stack: &Stack) {
    let system = stack.ask("host-a", 7443, &["system", "--fields", "memory.total_bytes,cgroup"]);
    assert_eq!(system["cgroup"]["memory"]["effective_limit_bytes"], LIMIT_BYTES, "{system}");
    let of_host = said(&mut docker(["info", "--format", "{{.MemTotal}}"]));
    assert_eq!(system["memory"]["total_bytes"].as_u64(), of_host.trim().parse().ok(), "{system}");
}

fn keys_are_for_their_agent_alone(stack: &Stack) {
    let container = stack.container("host-a");
    let health = |user: &str| tried(docker(["exec", "--user", user, &container]).args(HEALTH));
    assert!(health("65532").status.success());
    let other = health("1234");
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && said.to_lowercase().contains("permission denied"), "{said}");
    let mounts = stack.inspect("host-a", "{{range .Mounts}}{{.Destination}} {{.RW}};{{end}}");
    assert_eq!(mounts, "/identity false;", "an agent sees its own identity and nothing else");
}

fn a_second_start_keeps_every_identity(stack: &Stack) {
    let told = said(&mut stack.compose(&["run", "--rm", "-T", "pki"]));
    let (kept, other): (Vec<_>, Vec<_>) = told.lines().partition(|line| line.starts_with("kept "));
    assert!(kept.len() > 2 * HOSTS.len() && other.is_empty(), "{told}");
}

/// The monitoring profile: the pids and the network of the machine, its files read-only.
fn the_machine_is_seen_from_a_container(stack: &Stack) {
    said(&mut stack.compose(&["--profile", "monitoring", "up", "--detach", "--no-build", "monitoring"]));
    eventually("the health of the monitoring agent", || {
        (stack.inspect("monitoring", "{{.State.Health.Status}}") == "healthy").then_some(())
    });
    let info = stack.ask("monitoring", stack.port, &["agent", "info"]);
    assert_eq!(info["container_mode"], true, "{info}");
    let rows = stack.ask("monitoring", stack.port, &["ps", "--fields", "pid,name"]);
    let agents = rows.as_array().unwrap().iter().filter(|row| row["name"] == "procwired").count();
    assert!(agents > HOSTS.len(), "its own and those of the other containers are all processes of the machine: {rows}");
    if is_this_machine(&info) {
        let own = std::process::id();
        assert!(rows.as_array().unwrap().iter().any(|row| row["pid"] == own), "this test is not among them");
    }
}

/// An agent with pids and a network of its own, which was given no more than the machine's files.
fn the_network_of_the_machine_is_seen_from_another(stack: &Stack) {
    let identity = format!("{}_identity-this-host:/identity:ro", stack.project);
    let client = format!("{}_identity-client:/client:ro", stack.project);
    let files = [&*client, "/proc:/host/proc:ro", "/sys:/host/sys:ro", "/etc:/host/etc:ro"];
    let name = format!("{}-apart", stack.project);
    let mut run = docker(["run", "--detach", "--rm", "--read-only", "--cap-drop", "ALL", "--name", &name, "--volume"]);
    run.arg(&identity).args(files.iter().flat_map(|file| ["--volume", file])).arg(&stack.images.shipped);
    said(run.args(["--proc-root", "/host/proc", "--sys-root", "/host/sys", "--etc-root", "/host/etc"]));
    let apart = Apart(name);
    eventually("the health of the agent", || {
        tried(docker(["exec", &apart.0]).args(HEALTH)).status.success().then_some(())
    });
    let ask = |arguments: &[&str]| -> Value {
        let told = said(docker(["exec", &apart.0]).args(as_health(7443)).args(arguments).args(["-o", "json"]));
        serde_json::from_str(&told).unwrap()
    };
    let info = ask(&["agent", "info"]);
    assert_eq!(info["container_mode"], true, "{info}");
    if !is_this_machine(&info) {
        return;
    }
    let system = ask(&["system", "--fields", "network.interfaces.name,mounts", "--window", "0s"]);
    // Engines make interfaces while we look: those that are there now and have been there since the kernel started.
    for name in interfaces().into_iter().filter(|name| !name.starts_with("veth") && !name.starts_with("br-")) {
        let rows = system["network"]["interfaces"].as_array().unwrap();
        assert!(rows.iter().any(|row| row["name"] == *name), "{name} is an interface of the machine: {system}");
    }
    let points: BTreeMap<&str, ()> = system["mounts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| Some((row["mount_point"].as_str()?, ())))
        .collect();
    assert!(points.contains_key("/") && !points.contains_key("/identity"), "{points:?}");
    // Which namespace it is the agent may not see, and not enter; its tables are text for everybody.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let inspector =
        ["--cert", "/client/tls.crt", "--key", "/client/tls.key", "netstat", "--listening", "--port", &port];
    let told = said(docker(["exec", &apart.0]).args(endpoint_and_authority()).args(inspector).args(["-o", "json"]));
    let sockets: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(sockets.as_array().map(Vec::len), Some(1), "the listener of this test: {told}");
}

fn endpoint_and_authority() -> Vec<String> {
    as_health(7443).into_iter().take(5).collect()
}

struct Apart(String);

impl Drop for Apart {
    fn drop(&mut self) {
        tried(&mut docker(["rm", "--force", &self.0]));
    }
}

/// An engine may well be on another machine than the tests.
fn is_this_machine(info: &Value) -> bool {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    info["boot_id"].as_str() == Some(boot_id.trim())
}

fn interfaces() -> Vec<String> {
    let text = fs::read_to_string("/proc/net/dev").unwrap();
    text.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}
