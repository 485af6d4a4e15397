//! A configuration that cannot be used: exit 64 and one sentence that names the key, before a port is bound.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, process::Command};

use procwire_tests::{Agent, Pki, Role, programs};
use tempfile::TempDir;

/// A folder with good certificates, and what `procwired` says when it is started there.
struct Bench {
    folder: TempDir,
}

struct Answer {
    code: Option<i32>,
    said: String,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new();
        let identity = pki.agent();
        fs::write(folder.path().join("ca.crt"), pki.ca_pem()).unwrap();
        fs::write(folder.path().join("agent.crt"), identity.certificate_pem).unwrap();
        fs::write(folder.path().join("agent.key"), identity.key_pem).unwrap();
        fs::set_permissions(folder.path().join("agent.key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(
            folder.path().join("procwired.toml"),
            "listen = \"127.0.0.1:0\"\n[tls]\ncertificate = \"agent.crt\"\nkey = \"agent.key\"\nclient_ca = \"ca.crt\"\n",
        )
        .unwrap();
        Self { folder }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// `--check` ends after everything was looked at.
    fn check(&self, arguments: &[&str]) -> Answer {
        self.run(&[&["--config", "procwired.toml", "--check"], arguments].concat())
    }

    fn run(&self, arguments: &[&str]) -> Answer {
        let output = Command::new(programs::procwired()).args(arguments).current_dir(&self.folder).output().unwrap();
        Answer { code: output.status.code(), said: String::from_utf8(output.stderr).unwrap() }
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, named: &str) {
    assert_eq!(answer.code, Some(64), "{}", answer.said);
    assert_eq!(answer.said.trim_end().lines().count(), 1, "more than a sentence: {}", answer.said);
    assert!(answer.said.contains(named), "{named} is not named: {}", answer.said);
}

#[test]
fn a_good_configuration_passes_the_check() {
    let answer = Bench::new().check(&[]);
    assert_eq!(answer.code, Some(0), "{}", answer.said);
}

#[test]
fn a_value_that_its_key_cannot_have_is_refused() {
    let bench = Bench::new();
    for (assignment, key) in [
        ("limits.connections=many", "limits.connections"),
        ("limits.connections=0", "limits.connections"),
        ("limits.connections=-1", "limits.connections"),
        ("limits.handshake_timeout=5", "limits.handshake_timeout"),
        ("limits.handshake_timeout=-5s", "limits.handshake_timeout"),
        ("limits.request_size=1 parsec", "limits.request_size"),
        ("listen=localhost", "listen"),
        ("listen=127.0.0.1:99999", "listen"),
        ("log.level=loud", "log.level"),
        ("log.format=xml", "log.format"),
        ("control.protected_pids=x", "control.protected_pids"),
        ("limits.conections=5", "limits.conections"),
        ("nonsense=1", "nonsense"),
    ] {
        assert_refused(&bench.check(&["--set", assignment]), key);
    }
}

#[test]
fn a_file_that_is_no_configuration_is_refused() {
    let bench = Bench::new();
    bench.write("odd.toml", "[limits]\nconnections = \n");
    assert_refused(&bench.run(&["--config", "odd.toml", "--check"]), "odd.toml");
    bench.write("odd.toml", "[limits]\nconnexions = 3\n");
    assert_refused(&bench.run(&["--config", "odd.toml", "--check"]), "limits.connexions");
    bench.write("odd.toml", "[limits]\nconnections = \"\\u001b[2J\"\n");
    let answer = bench.run(&["--config", "odd.toml", "--check"]);
    assert_refused(&answer, "limits.connections");
    assert!(!answer.said.contains('\u{1b}'), "{:?}", answer.said);
    assert_refused(&bench.run(&["--config", "missing.toml", "--check"]), "missing.toml");
}

#[test]
fn without_certificates_there_is_no_agent() {
    let bench = Bench::new();
    bench.write("procwired.toml", "listen = \"127.0.0.1:0\"\n");
    assert_refused(&bench.check(&[]), "tls.");
    for (missing, key) in
        [("tls-certificate", "tls.certificate"), ("tls-key", "tls.key"), ("tls-client-ca", "tls.client_ca")]
    {
        let flags = [("tls-certificate", "agent.crt"), ("tls-key", "agent.key"), ("tls-client-ca", "ca.crt")];
        let given: Vec<_> =
            flags.iter().filter(|(flag, _)| *flag != missing).map(|(flag, file)| format!("--{flag}={file}")).collect();
        let given: Vec<_> = given.iter().map(String::as_str).collect();
        assert_refused(&bench.check(&given), key);
    }
}

#[test]
fn certificates_that_cannot_serve_are_refused() {
    let bench = Bench::new();
    bench.write("empty", "");
    bench.write("other.crt", &Pki::new().agent().certificate_pem);
    for (flag, file) in [
        ("--tls-certificate", "empty"),
        ("--tls-certificate", "missing"),
        ("--tls-certificate", "agent.key"),
        ("--tls-certificate", "other.crt"),
        ("--tls-client-ca", "empty"),
        ("--tls-client-ca", "missing"),
    ] {
        let answer = bench.check(&[flag, file]);
        assert_eq!(answer.code, Some(64), "{flag} {file}: {}", answer.said);
        assert_eq!(answer.said.trim_end().lines().count(), 1, "{flag} {file}: {}", answer.said);
        assert!(answer.said.contains("tls.") || answer.said.contains(file), "{flag} {file}: {}", answer.said);
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let bench = Bench::new();
    for mode in [0o644, 0o640, 0o604, 0o620] {
        fs::set_permissions(bench.folder.path().join("agent.key"), fs::Permissions::from_mode(mode)).unwrap();
        assert_refused(&bench.check(&[]), "agent.key");
    }
    fs::set_permissions(bench.folder.path().join("agent.key"), fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(bench.check(&[]).code, Some(0));
}

#[test]
fn a_root_of_the_host_that_is_something_else_is_refused() {
    let bench = Bench::new();
    fs::create_dir(bench.folder.path().join("empty")).unwrap();
    let empty = bench.folder.path().join("empty").display().to_string();
    for (flag, key) in [
        ("--proc-root", "host.proc"),
        ("--sys-root", "host.sys"),
        ("--etc-root", "host.etc"),
        ("--run-root", "host.run"),
        ("--dev-root", "host.dev"),
    ] {
        assert_refused(&bench.check(&[flag, "relative"]), key);
        assert_refused(&bench.check(&[flag, &format!("{empty}/nothing")]), key);
    }
    assert_refused(&bench.check(&["--proc-root", &empty]), "is no procfs");
    assert_refused(&bench.check(&["--sys-root", &empty]), "is no sysfs");
    assert_refused(&bench.check(&["--sys-root", "/proc"]), "not a sysfs");
    assert_refused(&bench.run(&["--config", "procwired.toml", "--proc-root", &empty]), "host.proc");
}

#[test]
fn an_environment_variable_sets_a_key_and_is_named_when_it_is_wrong() {
    let bench = Bench::new();
    let run = |value: &str| {
        Command::new(programs::procwired())
            .args(["--config", "procwired.toml", "--print-config"])
            .env("PROCWIRE_LIMITS_CONNECTIONS", value)
            .current_dir(&bench.folder)
            .output()
            .unwrap()
    };
    let shown = String::from_utf8(run("77").stdout).unwrap();
    assert!(shown.contains("connections = 77"), "{shown}");
    let wrong = run("lots");
    assert_eq!(wrong.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("PROCWIRE_LIMITS_CONNECTIONS"), "{wrong:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let answer = Bench::new().run(&["--config", "procwired.toml", "--listen", &address]);
    assert!(answer.code.is_some_and(|code| code != 0), "{}", answer.said);
    assert!(answer.said.contains(&address), "{}", answer.said);
}

#[tokio::test]
async fn the_log_is_json_if_it_shall_be() {
    let mut agent = Agent::options().set("log.format", "json").start();
    agent.client(Role::Reader).agent().info().await.unwrap();
    agent.terminate();
    agent.ended().await;
    let log = agent.log();
    assert!(log.lines().count() >= 2, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string(), "{line}");
    }
}
