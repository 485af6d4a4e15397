//! Certificates, revocation lists and keys as pages. What they say is somebody else's text: all of it is escaped.

use std::path::Path;

use jiff::Timestamp;
use procwire_proto::escape;

use super::{clock::Clock, page::Page, units};
use crate::pki::{
    Contents, Inspection,
    facts::{Caller, CertificateFacts, KeyFacts, Kind, ListFacts, Revocation},
};

/// More are counted.
const REVOKED_SHOWN: usize = 20;

/// All that was found in files.
pub(crate) fn page(inspections: &[Inspection], clock: &Clock) -> Page {
    let mut page = Page::default();
    for inspection in inspections {
        let path = safe(&inspection.path.display().to_string());
        let several = inspection.contents.len() > 1;
        for (index, contents) in inspection.contents.iter().enumerate() {
            let place =
                if several { format!("{path}, {} of {}", index + 1, inspection.contents.len()) } else { path.clone() };
            let (what, pairs) = match contents {
                Contents::Certificate(facts) => (kind(facts.kind).to_owned(), certificate(facts, clock)),
                Contents::RevocationList(facts) => ("revocation list".to_owned(), list(facts, clock)),
                Contents::PrivateKey(facts) => ("private key".to_owned(), key(facts, &inspection.path)),
                Contents::Unreadable { label, problem } => (safe(label), vec![pair("problem", safe(problem))]),
            };
            page.list(format!("{place}: {what}"), pairs);
        }
    }
    page
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Authority => "certificate of an authority",
        Kind::Agent => "certificate of an agent",
        Kind::Client => "certificate of a client",
        Kind::AgentAndClient => "certificate of an agent and a client",
        Kind::Other => "certificate",
    }
}

fn certificate(facts: &CertificateFacts, clock: &Clock) -> Vec<(String, String)> {
    let mut pairs = vec![pair("valid", validity(facts, clock))];
    if let Some(revocation) = revocation(facts, clock) {
        pairs.push(pair("revoked", revocation));
    }
    pairs.push(pair("subject", safe(&facts.subject)));
    if !facts.names.is_empty() {
        pairs.push(pair("good for", safe(&facts.names.join(", "))));
    }
    match &facts.caller {
        Caller::Known { principal, roles } => {
            let roles =
                if roles.is_empty() { "no role of its own".to_owned() } else { format!("role {}", roles.join(", ")) };
            pairs.push(pair("agents see", format!("{}, {roles}", safe(principal))));
        }
        Caller::Refused(problem) => pairs.push(pair("agents see", format!("nobody: {}", safe(problem)))),
        Caller::None => {}
    }
    let purposes = if facts.purposes.is_empty() { "not said".to_owned() } else { safe(&facts.purposes.join(", ")) };
    if facts.kind != Kind::Authority || !facts.purposes.is_empty() {
        pairs.push(pair("purposes", purposes));
    }
    pairs.push(pair("issuer", issuer(&facts.issuer, facts.is_of_authority)));
    pairs.push(pair("serial", facts.serial.to_string()));
    pairs.push(pair("public key", safe(&facts.key)));
    match (&facts.key_file, &facts.foreign_key_file) {
        (Some(path), _) => pairs.push(pair("private key", shown(path))),
        (None, Some(path)) => {
            pairs.push(pair("private key", format!("{} is that of another certificate", shown(path))));
        }
        (None, None) => {}
    }
    pairs.push(pair("SHA-256", facts.sha256.clone()));
    pairs
}

fn validity(facts: &CertificateFacts, clock: &Clock) -> String {
    let (begin, end) = (moment(facts.not_before), moment(facts.not_after));
    let span = format!("{} to {}", clock.full(&begin), clock.full(&end));
    match (clock.until(&begin), clock.until(&end), clock.since(&end)) {
        (Some(wait), ..) if !wait.is_zero() => format!("not yet: it begins in {}; {span}", units::span(wait)),
        (_, Some(left), _) => format!("it ends in {}; {span}", units::span(left)),
        (_, None, Some(ago)) => format!("no more: it ended {} ago; {span}", units::span(ago)),
        _ => span,
    }
}

/// Nothing where no list is known: most certificates have none.
fn revocation(facts: &CertificateFacts, clock: &Clock) -> Option<String> {
    match &facts.revocation {
        Revocation::Revoked { at, reason } => Some(format!("yes, since {} ({reason})", clock.full(&moment(*at)))),
        Revocation::NotRevoked => Some("no, says the list of its authority".to_owned()),
        Revocation::Unknown => None,
    }
}

fn list(facts: &ListFacts, clock: &Clock) -> Vec<(String, String)> {
    let good = match facts.next_update.map(moment) {
        None => "for ever: it names no end".to_owned(),
        Some(end) => match clock.until(&end) {
            Some(left) => format!("for {} more, until {}", units::span(left), clock.full(&end)),
            None => format!("no more: agents that have it let nobody in since {}", clock.full(&end)),
        },
    };
    let mut pairs = vec![
        pair("good", good),
        pair("made", clock.full(&moment(facts.this_update))),
        pair("number", facts.number.clone().unwrap_or_else(|| "none".to_owned())),
        pair("issuer", issuer(&facts.issuer, facts.is_of_authority)),
        pair("revoked", facts.revoked.len().to_string()),
    ];
    for revoked in facts.revoked.iter().take(REVOKED_SHOWN) {
        let line = format!("{} since {} ({})", revoked.serial, clock.full(&moment(revoked.at)), revoked.reason);
        pairs.push(pair("", line));
    }
    if let Some(more @ 1..) = facts.revoked.len().checked_sub(REVOKED_SHOWN) {
        pairs.push(pair("", format!("and {more} more (-o json has all)")));
    }
    pairs
}

fn key(facts: &KeyFacts, path: &Path) -> Vec<(String, String)> {
    let mode = facts.mode.clone().unwrap_or_else(|| "unknown".to_owned());
    let advice =
        if facts.is_open_to_others { format!("; open to others: chmod 600 {}", shown(path)) } else { String::new() };
    vec![pair("mode", format!("{mode}{advice}"))]
}

fn issuer(issuer: &str, is_of_authority: Option<bool>) -> String {
    let verdict = match is_of_authority {
        Some(true) => ", the authority of --dir",
        Some(false) => ", not the authority of --dir",
        None => "",
    };
    format!("{}{verdict}", safe(issuer))
}

fn pair(label: &str, value: String) -> (String, String) {
    (label.to_owned(), value)
}

fn shown(path: &Path) -> String {
    safe(&path.display().to_string())
}

fn safe(text: &str) -> String {
    escape::terminal(text.as_bytes()).into_owned()
}

fn moment(timestamp: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: timestamp.as_second(), nanos: 0 }
}
