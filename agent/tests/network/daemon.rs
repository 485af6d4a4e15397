//! `procwired` as a process: exit codes, one sentence on bad input, signals, a shortage of descriptors.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    harness::{PATIENCE, client_config, tls_files},
    pki::Pki,
};

fn procwired(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_procwired"));
    command.args(["--config", "/dev/null"]).args(arguments).env_clear();
    command
}

fn with_identity(pki: &Pki) -> Vec<String> {
    let mut arguments = vec!["--listen".to_owned(), "127.0.0.1:0".to_owned()];
    for (key, path) in tls_files(pki) {
        arguments.extend(["--set".to_owned(), format!("{key}={path}")]);
    }
    arguments
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Waits for the file that tells where it listens.
#[allow(clippy::disallowed_methods, reason = "there is no runtime here whose thread could be blocked")]
fn wait_for_address(file: &PathBuf, daemon: &mut Child) -> SocketAddr {
    let begin = Instant::now();
    loop {
        if let Ok(text) = fs::read_to_string(file) {
            return text.trim().parse().unwrap();
        }
        assert!(daemon.try_wait().unwrap().is_none(), "it ended early");
        assert!(begin.elapsed() < PATIENCE, "it does not listen");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_bad_configuration_is_one_sentence_and_exit_64() {
    let cases: [(&[&str], &str); 5] = [
        (&[], "procwired: tls.certificate: not set; "),
        (
            &["--set", "limits.connections=none"],
            "procwired: limits.connections: \"none\" is not a whole number (from --set)\n",
        ),
        (
            &["--set", "limits.conections=5"],
            "procwired: limits.conections: unknown key (from --set); did you mean limits.connections?\n",
        ),
        (&["--listen", "somewhere"], "procwired: listen: \"somewhere\" is not ADDRESS:PORT"),
        (&["--config", "/nonexistent"], ""),
    ];
    for (arguments, sentence) in cases {
        let output = procwired(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(said(&output).starts_with(sentence), "{}", said(&output));
        if !sentence.is_empty() {
            assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
        }
    }
}

#[test]
fn bad_certificates_are_one_sentence_and_exit_64_with_and_without_check() {
    let pki = Pki::new();
    let arguments = with_identity(&pki);
    pki.write("agent.key", "garbage", 0o600);
    for more in [&[][..], &["--check"]] {
        let output = procwired(more).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64));
        assert!(said(&output).contains("agent.key: no private key in it"), "{}", said(&output));
    }
}

#[test]
fn check_and_print_config_do_not_listen() {
    let pki = Pki::new();
    let arguments = with_identity(&pki);
    let check = procwired(&["--check"]).args(&arguments).output().unwrap();
    assert_eq!((check.status.code(), said(&check).as_str()), (Some(0), ""));
    let shown =
        procwired(&["--print-config"]).args(&arguments).env("PROCWIRE_LIMITS_CONNECTIONS", "7").output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("# connections at a time (from PROCWIRE_LIMITS_CONNECTIONS)\nconnections = 7\n"), "{shown}");
}

#[test]
fn a_port_that_is_taken_is_exit_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let pki = Pki::new();
    let output = procwired(&[]).args(with_identity(&pki)).args(["--listen", &address]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(64), "--listen twice is a mistake of usage");
    let mut arguments = with_identity(&pki);
    arguments[1] = address.clone();
    let output = procwired(&[]).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).starts_with(&format!("procwired: listen on {address}: ")), "{}", said(&output));
}

#[test]
fn a_signal_ends_it_in_order() {
    for signal in ["TERM", "INT"] {
        let pki = Pki::new();
        let file = pki.path("address");
        let mut daemon = procwired(&["--address-file", file.to_str().unwrap(), "--log-format", "json"])
            .args(with_identity(&pki))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let address = wait_for_address(&file, &mut daemon);
        send(signal, &daemon);
        let output = daemon.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let log = said(&output);
        let mut lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let listening = lines.find(|line| line["message"] == "listening").unwrap();
        assert_eq!(listening["address"], address.to_string());
        assert!(log.lines().last().unwrap().contains("\"stopped\""), "{log}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let pki = Pki::new();
    let file = pki.path("address");
    let mut daemon = procwired(&["--address-file", file.to_str().unwrap(), "--set", "limits.shutdown_grace=1h"])
        .args(with_identity(&pki))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = wait_for_address(&file, &mut daemon);
    let stuck = stuck_connection(&pki, address);
    let mut log = BufReader::new(daemon.stderr.take().unwrap());
    send("TERM", &daemon);
    wait_for_line(&mut log, "stopping connections=1");
    assert!(daemon.try_wait().unwrap().is_none(), "it waits for the connection");
    send("TERM", &daemon);
    assert_eq!(daemon.wait().unwrap().code(), Some(130));
    drop(stuck);
}

/// A connection that speaks HTTP/2 as far as it must and then no more.
fn stuck_connection(pki: &Pki, address: SocketAddr) -> impl Sized {
    let config = client_config(pki, Some(&pki.client("stuck", &["reader"])));
    let session = rustls::ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut tls = rustls::StreamOwned::new(session, TcpStream::connect(address).unwrap());
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut settings = [0; 9];
    tls.read_exact(&mut settings).unwrap();
    tls
}

fn send(signal: &str, daemon: &Child) {
    let sent = Command::new("kill").args([format!("-{signal}"), daemon.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn wait_for_line(log: &mut impl BufRead, part: &str) {
    let mut line = String::new();
    while !line.contains(part) {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ended without {part:?}");
    }
}

#[test]
fn a_shortage_of_descriptors_passes() {
    let pki = Pki::new();
    let file = pki.path("address");
    let mut arguments = with_identity(&pki);
    arguments.extend(["--config", "/dev/null", "--address-file", file.to_str().unwrap()].map(str::to_owned));
    // exec, so that the signal at the end goes to the agent.
    let mut daemon = Command::new("sh")
        .args(["-c", "ulimit -n 24 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_procwired")])
        .args(&arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = wait_for_address(&file, &mut daemon);
    let many: Vec<_> = (0..40).map(|_| TcpStream::connect(address).unwrap()).collect();
    // It has met the shortage when it says so.
    let mut log = BufReader::new(daemon.stderr.take().unwrap());
    wait_for_line(&mut log, "cannot accept connections for the moment");
    drop(many);
    // Garbage is answered with an alert: it accepts again.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut alert = [0; 1];
    stream.read_exact(&mut alert).unwrap();
    assert_eq!(alert, [21]);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
