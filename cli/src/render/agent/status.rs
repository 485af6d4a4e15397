//! What an agent costs and how it fares, as a page: what is wrong with it first.

use std::time::Duration;

use procwire_proto::{
    escape, json,
    v1::{AuditStatus, CertificateStatus, GetStatusResponse, PolicyStatus},
};
use prost_types::Timestamp;
use serde_json::Value;

use super::pairs;
use crate::render::{
    clock::Clock,
    page::{Page, pairs_of},
    units,
};

/// Fields that are told in words.
const TOLD: [&str; 6] = ["sampled", "uptime", "certificate_expires", "certificates", "policy", "audit"];
const COST: [&str; 4] = ["cpu_time_ns", "resident_bytes", "fd_count", "thread_count"];
const NOW: [&str; 5] = ["connections", "calls_in_progress", "streams", "samplers", "host_reads_queued"];

/// An agent that does not warn by itself (an older one) is warned of: two weeks.
const NEAR_ITS_END: Duration = Duration::from_secs(14 * 86_400);
const DAY: Duration = Duration::from_secs(86_400);

/// What it costs and how it fares.
pub(crate) fn status_page(status: &GetStatusResponse, clock: &Clock) -> Page {
    let mut page = Page::default();
    page.list("Attention", attention(status, clock));
    let uptime = status.uptime.and_then(|uptime| Duration::try_from(uptime).ok());
    page.list("Agent", pairs([("up", uptime.map(units::span))]));
    page.list("Certificates", certificates(status, clock));
    page.list("Policy", status.policy.as_ref().map(|policy| policy_in_force(policy, clock)).unwrap_or_default());
    page.list("Audit trail", status.audit.as_ref().map(audit_trail).unwrap_or_default());
    // The numbers are named well enough by their fields.
    let mut object = json::to_json(status);
    let take = |names: &[&str]| {
        let taken = names.iter().filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone())));
        pairs_of(&Value::Object(taken.collect()), clock)
    };
    let (cost, now) = (take(&COST), take(&NOW));
    if let Some(members) = object.as_object_mut() {
        members.retain(|name, _| {
            !COST.contains(&name.as_str()) && !NOW.contains(&name.as_str()) && !TOLD.contains(&name.as_str())
        });
    }
    page.grid("Cost", cost);
    page.grid("Now", now);
    page.grid("Since its start", pairs_of(&object, clock));
    page
}

/// Nothing if all is well.
fn attention(status: &GetStatusResponse, clock: &Clock) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let mut say = |label: &str, text: String| said.push((label.to_owned(), text));
    let certificates = status.certificates.clone().unwrap_or_default();
    if !certificates.problem.is_empty() {
        say("certificates", format!("changed files are not in force: {}", safe(&certificates.problem)));
    }
    for warning in &certificates.warnings {
        say("certificates", safe(warning));
    }
    if certificates.warnings.is_empty() {
        let ends = [
            ("the agent's certificate", &status.certificate_expires),
            ("an authority of its clients", &certificates.client_ca_expires),
        ];
        for (what, end) in ends {
            let end = end.as_ref().filter(|end| clock.until(end).is_none_or(|left| left < NEAR_ITS_END));
            if let Some(end) = end {
                say("certificates", format!("{what} {}", ends_in_words(end, clock)));
            }
        }
        let overdue = certificates.revocation_list_next_update.as_ref().filter(|end| clock.until(end).is_none());
        if let Some(end) = overdue {
            let since = clock.since(end).map(units::span).unwrap_or_default();
            say("certificates", format!("the revocation list is past its time for {since}: nobody is let in"));
        }
    }
    if let Some(policy) = status.policy.as_ref().filter(|policy| !policy.problem.is_empty()) {
        say("policy", format!("a changed file is not in force: {}", safe(&policy.problem)));
    }
    if let Some(audit) = &status.audit {
        if !audit.problem.is_empty() {
            say("audit trail", format!("it cannot be written, control is refused: {}", safe(&audit.problem)));
        } else if audit.failures > 0 {
            say("audit trail", format!("{} records could not be written; now it can", units::count(audit.failures)));
        }
    }
    said
}

fn certificates(status: &GetStatusResponse, clock: &Clock) -> Vec<(String, String)> {
    let own = status.certificate_expires.as_ref().map(|end| ends_in_words(end, clock));
    let Some(certificates) = &status.certificates else { return pairs([("own certificate", own)]) };
    let CertificateStatus { loaded, reloads, client_ca_expires, revoked, connections_ended, .. } = certificates;
    let list = certificates.revocation_list_next_update.as_ref();
    let has_list = list.is_some() || *revoked > 0;
    let read = loaded.as_ref().map(|moment| match reloads {
        0 => clock.full(moment),
        1 => format!("{}, for the second time since the start", clock.full(moment)),
        reloads => format!("{}, {} times since the start", clock.full(moment), units::count(reloads + 1)),
    });
    let mut told = pairs([
        ("own certificate", own),
        ("SPIFFE id", Some(safe(&certificates.spiffe_id))),
        ("serial number", Some(safe(&certificates.serial))),
        (
            "authorities",
            client_ca_expires.as_ref().map(|end| format!("the first of them {}", ends_in_words(end, clock))),
        ),
        ("revocation list", list.map(|end| good_in_words(end, clock))),
        ("taken back", has_list.then(|| format!("{} certificates", units::count(*revoked)))),
        ("files read", read),
    ]);
    if *connections_ended > 0 {
        let text = format!("{}, because their certificate was taken back or ended", units::count(*connections_ended));
        told.push(("ended connections".to_owned(), text));
    }
    if list.is_none() {
        told.push(("revocation list".to_owned(), "none: what is taken back stays good until its end".to_owned()));
    }
    told
}

fn policy_in_force(policy: &PolicyStatus, clock: &Clock) -> Vec<(String, String)> {
    let PolicyStatus { path, loaded, sha256, rules, problem: _ } = policy;
    let file = if path.is_empty() { "the default, which is built in".to_owned() } else { safe(path) };
    pairs([
        ("file", Some(file)),
        ("rules", Some(rules.to_string())),
        ("since", loaded.as_ref().map(|moment| clock.full(moment))),
        ("SHA-256", Some(safe(sha256))),
    ])
}

fn audit_trail(audit: &AuditStatus) -> Vec<(String, String)> {
    let AuditStatus { path, sequence, head_hash, failures: _, problem: _ } = audit;
    if path.is_empty() {
        return pairs([("file", Some("none: records go into the log, which keeps no chain".to_owned()))]);
    }
    let head = (!head_hash.is_empty()).then(|| format!("{sequence}:{}", safe(head_hash)));
    pairs([("file", Some(safe(path))), ("head", head)])
}

/// `ends in 12 days, 2026-12-04 10:00:00 +01:00`.
fn ends_in_words(end: &Timestamp, clock: &Clock) -> String {
    match (clock.until(end), clock.since(end)) {
        (Some(left), _) => format!("ends in {}, {}", span_in_words(left), clock.full(end)),
        (None, Some(ago)) => format!("ended {} ago, {}", span_in_words(ago), clock.full(end)),
        (None, None) => clock.full(end),
    }
}

fn good_in_words(end: &Timestamp, clock: &Clock) -> String {
    match (clock.until(end), clock.since(end)) {
        (Some(left), _) => format!("good for {} more, until {}", span_in_words(left), clock.full(end)),
        (None, Some(ago)) => format!("past its time for {}, since {}", span_in_words(ago), clock.full(end)),
        (None, None) => clock.full(end),
    }
}

fn span_in_words(span: Duration) -> String {
    if span < 2 * DAY { units::span(span) } else { format!("{} days", span.as_secs() / DAY.as_secs()) }
}

fn safe(text: &str) -> String {
    escape::terminal(text.as_bytes()).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    const NOW_SECONDS: i64 = 1_800_000_000;

    fn printed(status: &GetStatusResponse) -> String {
        let clock = Clock::fixed(jiff::Timestamp::from_second(NOW_SECONDS).unwrap(), TimeZone::UTC);
        let mut out = Vec::new();
        status_page(status, &clock).write(&mut out, Some(80)).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    fn in_days(days: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds: NOW_SECONDS + days * 86_400 + 60, nanos: 0 })
    }

    fn healthy() -> GetStatusResponse {
        GetStatusResponse {
            resident_bytes: 3_565_158,
            calls_denied: 7,
            certificate_expires: in_days(90),
            certificates: Some(CertificateStatus {
                loaded: in_days(-1),
                reloads: 3,
                client_ca_expires: in_days(3000),
                revocation_list_next_update: in_days(6),
                revoked: 2,
                serial: "4f2a".to_owned(),
                spiffe_id: "spiffe://example.org/procwire/web1".to_owned(),
                ..CertificateStatus::default()
            }),
            policy: Some(PolicyStatus {
                loaded: in_days(-1),
                rules: 12,
                sha256: "ab".repeat(32),
                ..PolicyStatus::default()
            }),
            audit: Some(AuditStatus {
                path: "/var/log/procwire/audit.jsonl".to_owned(),
                sequence: 4711,
                head_hash: "cd".repeat(32),
                ..AuditStatus::default()
            }),
            ..GetStatusResponse::default()
        }
    }

    #[test]
    fn all_that_is_in_force_is_told_and_nothing_is_wrong() {
        let page = printed(&healthy());
        assert!(!page.contains("Attention"), "{page}");
        for words in [
            "3.4 MiB",
            "calls denied",
            "ends in 90 days, 2027-04-15",
            "the first of them ends in 3000 days",
            "good for 6 days more",
            "2 certificates",
            "spiffe://example.org/procwire/web1",
            "4 times since the start",
            "the default, which is built in",
            "12",
            &format!("4711:{}", "cd".repeat(10)),
        ] {
            assert!(page.contains(words), "{words:?} is not in\n{page}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    }

    #[test]
    fn what_is_wrong_comes_first() {
        let mut status = healthy();
        status.certificate_expires = in_days(12);
        if let Some(certificates) = &mut status.certificates {
            certificates.problem = "tls.key /etc/k\u{1b}[2J: does not belong to the certificate".to_owned();
            certificates.revocation_list_next_update = in_days(-1);
        }
        if let Some(policy) = &mut status.policy {
            policy.problem = "policy.cel: line 3".to_owned();
        }
        if let Some(audit) = &mut status.audit {
            (audit.failures, audit.problem) = (2, "no space left on device".to_owned());
        }
        let page = printed(&status);
        assert!(page.starts_with("Attention\n"), "{page}");
        let before = page.split("\n\n").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        for words in
            [r"/etc/k\x1b[2J", "ends in 12 days", "nobody is let in", "policy.cel: line 3", "no space left on device"]
        {
            assert!(before.contains(words), "{words:?} is not in\n{before}");
        }
    }

    #[test]
    fn the_agents_own_warnings_are_not_said_twice() {
        let mut status = healthy();
        status.certificate_expires = in_days(3);
        if let Some(certificates) = &mut status.certificates {
            certificates.warnings = vec!["the agent's certificate ends on 2027-01-18".to_owned()];
        }
        let page = printed(&status);
        let before = page.split("\n\n").next().unwrap();
        assert_eq!(before.lines().count(), 2, "{before}");
    }

    #[test]
    fn an_agent_that_tells_nothing_new_is_shown_as_before() {
        let status = GetStatusResponse { certificate_expires: in_days(-2), calls: 9, ..GetStatusResponse::default() };
        let page = printed(&status);
        assert!(page.contains("the agent's certificate ended") && page.contains("calls"), "{page}");
        assert!(!page.contains("Policy") && !page.contains("Audit trail"), "{page}");
    }
}
