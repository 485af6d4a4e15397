//! Links that are made for the test, in a network of their own: the machine's own is left as it is. The agent is told that the procfs of
//! that network is its host's, and enters it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use procwire_client::{SystemEvent, SystemWatch};
use procwire_proto::v1::{Duplex, FieldErrorReason, InterfaceAddress, NetworkInterface, System};
use procwire_tests::{
    Agent, Role, Shell,
    waiting::{eventually_async, within_patience},
};
use serde_json::Value;
use tempfile::TempDir;

/// A bridge, a pair of links of which one belongs to it, a tunnel to one other end, a link that is down.
const LINKS: &str = "ip link add left0 type veth peer name right0 \
    && ip link add bridge0 type bridge \
    && ip link set left0 master bridge0 \
    && ip link set left0 mtu 1400 \
    && ip link set right0 alias \"$(printf 'up\\344link')\" \
    && ip link set right0 address 02:00:00:00:00:05 \
    && ip addr add 192.0.2.5/24 broadcast 192.0.2.255 dev right0 \
    && ip addr add 192.0.2.6/24 dev right0 label right0:1 \
    && ip addr add 198.51.100.7/32 dev right0 \
    && ip addr add 2001:db8::5/64 dev right0 nodad \
    && ip addr add 2001:db8::6 peer 2001:db8::7/128 dev right0 nodad \
    && ip link set left0 up && ip link set right0 up && ip link set bridge0 up \
    && ip tuntap add dev tunnel0 mode tun \
    && ip addr add 10.9.0.1 peer 10.9.0.2/32 dev tunnel0 \
    && ip link set tunnel0 up \
    && ip tuntap add dev down0 mode tap";

/// A shell in a network of its own, and a procfs whose process 1 it is.
struct Network {
    shell: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
    proc: TempDir,
}

#[allow(clippy::print_stderr, reason = "a test that is skipped says why")]
impl Network {
    /// `None`, with the reason printed, where such a network cannot be made.
    fn with(links: &str) -> Option<Self> {
        let mut command = Command::new("unshare");
        let shell = command.args(["--net", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut shell) = shell else {
            eprintln!("skipped: there is no unshare(1)");
            return None;
        };
        let (orders, told) = (shell.stdin.take().unwrap(), BufReader::new(shell.stdout.take().unwrap()));
        let proc = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let mut network = Self { shell, orders, told, proc };
        if !network.run("ip link set lo up") {
            eprintln!("skipped: only root may make a network, and iproute2 must be there to make links in it");
            return None;
        }
        if !network.run(links) {
            eprintln!("skipped: this kernel lacks veth, bridge or tun");
            return None;
        }
        network.show_procfs();
        Some(network)
    }

    fn show_procfs(&self) {
        let (root, pid) = (self.proc.path(), self.shell.id());
        fs::create_dir_all(root.join("1/ns")).unwrap();
        for file in ["ns/net", "net", "status", "stat", "mountinfo"] {
            symlink(format!("/proc/{pid}/{file}"), root.join("1").join(file)).unwrap();
        }
        for file in ["stat", "sys", "meminfo", "loadavg", "uptime"] {
            symlink(format!("/proc/{file}"), root.join(file)).unwrap();
        }
    }

    /// True if it went well.
    fn run(&mut self, script: &str) -> bool {
        let asked = writeln!(self.orders, "{{ {script}; }} >&2 && echo well || echo badly");
        let mut answer = String::new();
        asked.is_ok() && self.told.read_line(&mut answer).is_ok() && answer == "well\n"
    }

    fn agent(&self) -> Agent {
        Agent::options().set("host.proc", self.proc.path().display()).start()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.shell.kill());
        drop(self.shell.wait());
    }
}

fn interfaces(system: &System) -> &[NetworkInterface] {
    &system.network.as_ref().unwrap().interfaces
}

fn named<'a>(interfaces: &'a [NetworkInterface], name: &str) -> &'a NetworkInterface {
    interfaces.iter().find(|interface| interface.name == name.as_bytes()).unwrap_or_else(|| panic!("no {name}"))
}

async fn read(agent: &Agent, fields: &[&str]) -> System {
    agent.client(Role::Reader).system().get().fields(fields.iter().copied()).await.unwrap().system.unwrap()
}

/// The addresses that were set, those that the kernel adds to a link by itself left out.
fn set_addresses(interface: &NetworkInterface) -> Vec<&InterfaceAddress> {
    interface.addresses.iter().filter(|address| address.scope != 253).collect()
}

#[tokio::test]
async fn links_and_their_addresses_are_what_they_were_made() {
    let Some(network) = Network::with(LINKS) else { return };
    let agent = network.agent();
    // The state of a link follows its carrier after a moment.
    let system = eventually_async("the bridge is up", async || {
        let system = read(&agent, &["network.interfaces"]).await;
        let is_up = named(interfaces(&system), "bridge0").operational_state.as_deref() == Some("up");
        is_up.then_some(system)
    })
    .await;
    assert_eq!(system.errors, []);
    let all = interfaces(&system);
    let of = |name| named(all, name);
    let (lo, left, right, bridge) = (of("lo"), of("left0"), of("right0"), of("bridge0"));
    let (tunnel, down) = (of("tunnel0"), of("down0"));
    assert!(all.iter().all(|interface| interface.errors.is_empty() && interface.counters.is_some()), "{all:?}");
    assert_eq!(all.len(), 6);

    let kinds = [lo, left, bridge, tunnel, down].map(|link| link.kind.as_deref());
    assert_eq!(kinds, [None, Some("veth"), Some("bridge"), Some("tun"), Some("tun")]);
    assert_eq!((left.mtu_bytes, right.mtu_bytes, lo.mtu_bytes), (Some(1400), Some(1500), Some(65_536)));
    assert_eq!((left.controller_index, right.controller_index), (bridge.index, None));
    assert_eq!(right.hardware_address.as_deref(), Some(&[2, 0, 0, 0, 0, 5][..]));
    assert_eq!(tunnel.hardware_address, None);
    assert_eq!(right.alias.as_deref(), Some(&b"up\xe4link"[..]));
    assert_eq!((right.bits_per_second, right.duplex()), (Some(10_000_000_000), Duplex::Full), "as veth says");
    assert_eq!((lo.bits_per_second, lo.duplex), (None, None));
    let runs = [lo, left, tunnel, down].map(|link| (link.running, link.flags.map(|flags| flags & 1)));
    assert_eq!(
        runs,
        [
            (Some(true), Some(1)),
            (Some(true), Some(1)),
            (Some(false), Some(1)), // nobody has it open
            (Some(false), Some(0))
        ]
    );
    assert!(right.carrier_changes >= Some(1), "{right:?}");

    let ip = |text: &str| match text.parse().unwrap() {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let told = |link| {
        let told = |address: &InterfaceAddress| {
            let InterfaceAddress { ip, prefix_length, broadcast, peer, scope: _, label } = address.clone();
            (ip, prefix_length, broadcast, peer, label)
        };
        let mut told: Vec<_> = set_addresses(link).into_iter().map(told).collect();
        told.sort();
        told
    };
    let mut expected = vec![
        (ip("192.0.2.5"), 24, Some(ip("192.0.2.255")), None, None),
        (ip("192.0.2.6"), 24, None, None, Some(b"right0:1".to_vec())),
        (ip("198.51.100.7"), 32, None, None, None),
        (ip("2001:db8::5"), 64, None, None, None),
        (ip("2001:db8::6"), 128, None, Some(ip("2001:db8::7")), None),
    ];
    expected.sort();
    assert_eq!(told(right), expected);
    assert_eq!(told(tunnel), [(ip("10.9.0.1"), 32, None, Some(ip("10.9.0.2")), None)]);
    assert!(told(bridge).is_empty() && down.addresses.is_empty());
}

#[tokio::test]
async fn whoever_lives_in_that_network_sees_the_same() {
    let Some(network) = Network::with(LINKS) else { return };
    let shell = Shell::new();
    let local = shell.command(&["ifconfig", "--all", "-o", "json"]);
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", network.shell.id())).arg(local.get_program()).args(local.get_args());
    command.current_dir(shell.home()).stdin(Stdio::null());
    for (name, value) in local.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let agent = network.agent();
    // A link that was just made goes on changing for a moment.
    eventually_async("two answers that are the same", || {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let inside: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((inside.len(), &inside[0]["name"]), (6, &Value::from("lo")), "{inside:?}");
        let agent = &agent;
        async move {
            let outside = read(agent, &["network.interfaces"]).await;
            let outside = interfaces(&outside).iter().map(procwire_proto::json::to_json).collect();
            (without_traffic(inside) == without_traffic(outside)).then_some(())
        }
    })
    .await;
}

fn without_traffic(mut interfaces: Vec<Value>) -> Vec<Value> {
    for interface in &mut interfaces {
        assert!(interface.as_object_mut().unwrap().remove("counters").is_some(), "{interface}");
    }
    interfaces
}

#[tokio::test]
async fn an_interface_that_was_made_anew_is_marked_and_has_no_rates() {
    let pair = "ip link add left0 type veth peer name right0";
    let Some(mut network) = Network::with(pair) else { return };
    let agent = network.agent();
    let client = agent.client(Role::Reader);
    // Rates alone: the index comes with them unasked, and tells one interface from the other although neither ever counted anything.
    let fields = ["network.interfaces.rates", "network.interfaces.counters_reset"];
    let mut watch = client.system().watch().fields(fields).interval(Duration::from_millis(100)).await.unwrap();
    let before = sample_in_which(&mut watch, |link| link.rates.is_some()).await;
    assert!(!before.counters_reset, "{before:?}");
    assert!(network.run(&format!("ip link del left0 && {pair}")));
    let after = sample_in_which(&mut watch, |link| link.counters_reset).await;
    assert_eq!(after.rates, None, "{after:?}");
    assert!(before.index.is_some() && before.index != after.index, "{before:?} {after:?}");
    // From then on it counts like any other.
    let later = sample_in_which(&mut watch, |link| link.rates.is_some()).await;
    assert!(!later.counters_reset, "{later:?}");
}

/// The link in the first sample in which it is so.
async fn sample_in_which(watch: &mut SystemWatch, is_so: impl Fn(&NetworkInterface) -> bool) -> NetworkInterface {
    let look = async {
        loop {
            let event = watch.next().await.unwrap().expect("the stream ended");
            if let SystemEvent::Sample { system, .. } = event
                && let Some(link) = interfaces(&system).iter().find(|link| link.name == b"left0" && is_so(link))
            {
                return link.clone();
            }
        }
    };
    within_patience("a sample", look).await
}

#[tokio::test]
async fn what_changes_is_seen_in_the_next_sample() {
    let Some(mut network) = Network::with("ip link add left0 type veth peer name right0") else { return };
    let agent = network.agent();
    let fields = ["network.interfaces.mtu_bytes", "network.interfaces.addresses", "network.interfaces.alias"];
    let client = agent.client(Role::Reader);
    let mut watch = client.system().watch().fields(fields).interval(Duration::from_millis(100)).await.unwrap();
    sample_in_which(&mut watch, |link| link.mtu_bytes == Some(1500) && link.addresses.is_empty()).await;
    assert!(network.run("ip link set left0 mtu 1300"));
    sample_in_which(&mut watch, |link| link.mtu_bytes == Some(1300)).await;
    assert!(network.run("ip addr add 192.0.2.1/24 dev left0"));
    sample_in_which(&mut watch, |link| link.addresses.len() == 1).await;
    assert!(network.run("ip addr del 192.0.2.1/24 dev left0 && ip link set left0 alias x"));
    sample_in_which(&mut watch, |link| link.addresses.is_empty() && link.alias.as_deref() == Some(b"x")).await;
}

#[tokio::test]
async fn who_may_not_enter_that_network_reads_its_files_and_says_what_they_do_not_tell() {
    let Some(mut network) = Network::with(LINKS) else { return };
    assert!(network.run("true"));
    let agent = Agent::options().set("host.proc", network.proc.path().display()).unprivileged().start();
    let system = read(&agent, &["network.interfaces"]).await;
    let right = named(interfaces(&system), "right0");
    let addresses: Vec<_> = set_addresses(right).into_iter().map(|address| address.ip.len()).collect();
    assert!(right.counters.is_some() && addresses.contains(&4) && addresses.contains(&16), "{right:?}");
    assert_eq!((right.mtu_bytes, right.index), (None, None), "/sys has the links of another network");
    let said: Vec<_> = system.errors.iter().map(|error| (error.path.as_str(), error.reason())).collect();
    for field in ["mtu_bytes", "index", "addresses"] {
        let expected = (format!("network.interfaces.{field}"), FieldErrorReason::Unsupported);
        assert!(said.contains(&(expected.0.as_str(), expected.1)), "{field}: {said:?}");
    }
}
