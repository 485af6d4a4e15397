//! Every key of the configuration, once: its shape, its default and what it means. Files, environment, `--set` and
//! `--print-config` all go by this table.

use super::value::Kind::{self, Integers, Text, Texts, Whole};

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Section and name: "limits.handshake_timeout".
    pub name: &'static str,
    pub(super) kind: Kind,
    /// As it would be written on the command line; `None`: unset.
    pub default: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
}

impl Key {
    /// The environment variable that sets it: "`PROCWIRE_LIMITS_HANDSHAKE_TIMEOUT`".
    pub fn variable(&self) -> String {
        format!("PROCWIRE_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// All of them, in the order in which they are shown.
pub static KEYS: &[Key] = &[
    key("listen", Text, "127.0.0.1:7443", "address and port; port 0 takes a free one"),
    unset("tls.certificate", Text, "the agent's certificate chain, PEM"),
    unset("tls.key", Text, "its private key, PEM, readable by the agent's user only"),
    unset("tls.client_ca", Text, "authorities whose client certificates are accepted, PEM"),
    key(
        "tls.client_crl",
        Texts,
        "",
        "files with revocation lists, PEM or DER; if there are any, a client of whose certificate none tells is refused",
    ),
    unset("tls.deny_list", Text, "file of serials, fingerprints and names of clients that are refused, one a line"),
    key(
        "tls.spiffe_trust_domains",
        Texts,
        "",
        "if there are any, only clients with a SPIFFE id of one of them are accepted",
    ),
    key("limits.connections", Whole, "256", "connections at a time"),
    key("limits.connections_per_principal", Whole, "16", "connections of one caller at a time"),
    key("limits.handshakes", Whole, "64", "handshakes at a time; more wait in the kernel's queue"),
    key("limits.handshakes_per_address", Whole, "16", "those of one address, or of one IPv6 network of 64 bits"),
    key("limits.handshake_timeout", Text, "5s", "time for the TLS handshake and the HTTP/2 preface together"),
    key("limits.request_size", Text, "1MiB", "size of a request message"),
    key("limits.request_timeout", Text, "10s", "time for a request to arrive in full"),
    key("limits.concurrent_streams", Whole, "64", "calls at a time on one connection"),
    key("limits.header_list_size", Text, "16KiB", "size of a request's headers"),
    key("limits.pending_resets", Whole, "20", "calls taken back by the peer before they were looked at"),
    key("limits.keepalive_interval", Text, "30s", "silence after which the peer is pinged"),
    key("limits.keepalive_timeout", Text, "10s", "time for the answer to a ping"),
    key("limits.connection_age", Text, "30m", "age at which a connection is closed, give or take a tenth"),
    key("limits.connection_age_grace", Text, "1m", "time for its calls to end after that"),
    key("limits.shutdown_grace", Text, "10s", "time for calls to end when the agent stops"),
    key("limits.stream_interval_min", Text, "100ms", "shortest interval of a stream"),
    key("limits.stream_interval_max", Text, "1h", "longest interval of a stream"),
    key("limits.heartbeat_interval", Text, "15s", "longest silence on a stream"),
    key("limits.streams", Whole, "1024", "watch streams at a time"),
    key("limits.streams_per_principal", Whole, "256", "watch streams of one caller at a time"),
    key("limits.samplers", Whole, "64", "different masks and intervals at a time that watch streams are read for"),
    key("limits.samplers_per_principal", Whole, "16", "those that one caller is the first to watch"),
    key("limits.lists", Whole, "16", "lists at a time, of sockets, of control groups and of units each"),
    key("limits.lists_per_principal", Whole, "4", "lists of one kind and one caller at a time"),
    key("limits.windowed_snapshots", Whole, "64", "snapshots of the host at a time that wait for their usage window"),
    key("limits.windowed_snapshots_per_principal", Whole, "16", "those of one caller"),
    key("limits.stream_lag", Text, "60s", "how long a reader may take nothing before it is cut off"),
    key("limits.host_quick_threads", Whole, "2", "threads for quick host reads"),
    key("limits.host_slow_threads", Whole, "2", "threads for reads that may hang on a process's locks"),
    key(
        "limits.host_heavy_threads",
        Whole,
        "2",
        "threads for reads that are long work, such as mappings and descriptors; they stand back behind all others",
    ),
    key("limits.host_queue", Whole, "256", "host reads that may wait for a thread"),
    key("limits.host_quick_timeout", Text, "2s", "time cap of a quick host read"),
    key("limits.host_slow_timeout", Text, "10s", "time cap of a slow host read"),
    key("limits.host_heavy_timeout", Text, "30s", "time cap of a heavy host read, waiting for a thread included"),
    key("limits.wait_timeout_max", Text, "1h", "longest wait for a process to end"),
    key("limits.terminations", Whole, "256", "terminations at a time, dry runs included"),
    key("limits.terminations_per_principal", Whole, "64", "those of one caller"),
    key("limits.waits", Whole, "8192", "processes that are waited for at a time; each is an open file"),
    key("limits.waits_per_principal", Whole, "2048", "those of one caller"),
    key("host.proc", Text, "/proc", "where the host's /proc is mounted"),
    key("host.sys", Text, "/sys", "where the host's /sys is mounted"),
    key("host.etc", Text, "/etc", "where the host's /etc is mounted"),
    key("host.run", Text, "/run", "where the host's /run is mounted"),
    key("host.dev", Text, "/dev", "where the host's /dev is mounted"),
    key(
        "control.actions_per_minute_per_principal",
        Whole,
        "1200",
        "processes that one caller may act on in a minute; a tree or a control group counts as one; ten times as many in dry runs, at least 1024",
    ),
    key("control.protected_pids", Integers, "", "pids that are never acted on, beside pid 1 and the agent's own line"),
    key(
        "control.protected_names",
        Texts,
        "",
        "names of processes that are never acted on, as the kernel cuts them: 15 bytes",
    ),
    key(
        "control.protected_units",
        Texts,
        "",
        "systemd units whose processes are never acted on: a name, or its beginning and a star",
    ),
    key(
        "control.protected_cgroups",
        Texts,
        "",
        "control groups whose processes, and those of groups below, are never acted on",
    ),
    key("log.format", Text, "text", "text or json"),
    key("log.level", Text, "info", "error, warn, info, debug or trace"),
    unset("policy.file", Text, "file of the rules of what callers may do; unset: their roles decide"),
    unset("audit.file", Text, "file for the audit trail, JSON lines in a chain; unset: into the log, without a chain"),
    key("audit.rotate_size", Text, "64MiB", "size at which a new audit file is begun; 0: never, something else does"),
    key("audit.keep", Whole, "8", "audit files that are kept beside the current one"),
];

const fn key(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { name, kind, default: Some(default), meaning }
}

const fn unset(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key { name, kind, default: None, meaning }
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// "; did you mean x?" for the key nearest to a mistyped one, if one is near.
pub(super) fn suggestion(typed: &str) -> String {
    let last = typed.rsplit('.').next().unwrap_or(typed);
    let distances = KEYS.iter().map(|key| {
        let key_last = key.name.rsplit('.').next().unwrap_or(key.name);
        (edit_distance(key.name, typed).min(edit_distance(key_last, last) + 1), key.name)
    });
    match distances.min() {
        Some((distance, name)) if distance <= typed.len() / 3 => format!("; did you mean {name}?"),
        _ => String::new(),
    }
}

/// Levenshtein's: how many letters to insert, delete or change.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.bytes().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(x != y)).min(left + 1).min(*above + 1);
            diagonal = *above;
            *above = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }

    #[test]
    fn a_mistyped_key_finds_its_neighbour() {
        assert_eq!(suggestion("limits.handshak_timeout"), "; did you mean limits.handshake_timeout?");
        assert_eq!(suggestion("handshake_timeout"), "; did you mean limits.handshake_timeout?");
        assert_eq!(suggestion("zebra"), "");
    }

    #[test]
    fn variables_are_distinct() {
        let variables: std::collections::BTreeSet<String> = KEYS.iter().map(Key::variable).collect();
        assert_eq!(variables.len(), KEYS.len());
        assert!(variables.contains("PROCWIRE_LIMITS_HANDSHAKE_TIMEOUT"));
    }
}
