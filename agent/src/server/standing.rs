//! Whether an open connection's certificate still counts. It is judged again by the same rules as at the handshake when these change
//! (a list, an authority, a name that is denied) and when time runs out for it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustls_pki_types::CertificateDer;
use tokio::{select, sync::watch, time};

use super::tls::{Examined, InForce, Trust, Unwelcome};

/// How long the clock is not looked at: it may be set, and a suspended machine's timers stand still.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Of one connection.
#[derive(Debug)]
pub(crate) struct Standing {
    chain: Vec<CertificateDer<'static>>,
    peer: SocketAddr,
    in_force: watch::Receiver<Arc<InForce>>,
    judged: Mutex<Judged>,
}

/// What the last judgement rested on.
#[derive(Debug)]
struct Judged {
    trust: Arc<Trust>,
    at: SystemTime,
    verdict: Result<SystemTime, Unwelcome>,
}

impl Standing {
    /// Of a client that was let in by `trust` just now.
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        peer: SocketAddr,
        in_force: watch::Receiver<Arc<InForce>>,
        trust: Arc<Trust>,
        until: SystemTime,
    ) -> Standing {
        let judged = Mutex::new(Judged { trust, at: SystemTime::now(), verdict: Ok(until) });
        Standing { chain, peer, in_force, judged }
    }

    /// Asks now. Costs next to nothing as long as nothing has changed; who has lost its standing does not get it back.
    pub(crate) fn check(&self) -> Result<(), Unwelcome> {
        self.judge(SystemTime::now()).map(drop)
    }

    fn judge(&self, now: SystemTime) -> Result<SystemTime, Unwelcome> {
        let trust = Arc::clone(&self.in_force.borrow().trust);
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        let until = judged.verdict.clone()?;
        // A clock that was set back may stand before the certificate's beginning.
        if Arc::ptr_eq(&judged.trust, &trust) && now < until && now >= judged.at {
            return Ok(until);
        }
        let verdict = trust.examine(&self.chain, self.peer, now).map(|Examined { until, .. }| until);
        *judged = Judged { trust, at: now, verdict: verdict.clone() };
        verdict
    }

    /// Completes when the standing is lost, with the reason.
    pub(super) async fn lost(&self) -> Unwelcome {
        let mut changes = self.in_force.clone();
        loop {
            changes.mark_unchanged();
            let now = SystemTime::now();
            let until = match self.judge(now) {
                Ok(until) => until,
                Err(unwelcome) => return unwelcome,
            };
            let pause = until.duration_since(now).unwrap_or_default().min(LOOK_EVERY);
            select! {
                () = time::sleep(pause) => {}
                changed = changes.changed() => if changed.is_err() {
                    // Nobody holds the certificates any more: the agent is going.
                    time::sleep(pause).await;
                },
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::{
        config::TlsFiles,
        pki::{HOUR, Pki},
        server::tls::Certificates,
    };

    /// A client of an agent with an empty deny list, valid for two hours.
    fn standing() -> (Pki, Standing, SystemTime) {
        let pki = Pki::new();
        let agent = pki.agent();
        let files = TlsFiles {
            certificate: pki.write("agent.pem", &agent.certificate.pem(), 0o644).into(),
            key: pki.write("agent.key", &agent.key.serialize_pem(), 0o600).into(),
            client_ca: pki.write("ca.pem", &pki.authority_pem(), 0o644).into(),
            client_crl: Vec::new(),
            deny_list: None,
            spiffe_trust_domains: std::collections::BTreeSet::new(),
        };
        let certificates = Certificates::load(&files).unwrap_or_else(|error| unreachable!("{error}")).certificates;
        let now = SystemTime::now();
        let at =
            |time: SystemTime| rcgen::date_time_ymd(1970, 1, 1) + time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let client = pki.issue(|params| {
            params.not_before = at(now - HOUR);
            params.not_after = at(now + HOUR * 2);
        });
        let chain = vec![client.certificate.der().clone()];
        let peer = "192.0.2.1:1".parse().unwrap();
        let trust = Arc::clone(&certificates.in_force().trust);
        let until = trust.examine(&chain, peer, now).unwrap().until;
        (pki, Standing::new(chain, peer, certificates.subscribe(), trust, until), now)
    }

    #[test]
    fn time_takes_it_and_does_not_give_it_back() {
        let (_pki, standing, now) = standing();
        standing.check().unwrap();
        standing.judge(now + HOUR).unwrap();
        let over = standing.judge(now + HOUR * 3).unwrap_err();
        assert_eq!(over.to_string(), "the certificate has expired");
        standing.judge(now).unwrap_err();
        standing.check().unwrap_err();
    }

    #[test]
    fn a_clock_that_is_set_back_is_noticed() {
        let (_pki, standing, now) = standing();
        assert_eq!(standing.judge(now - HOUR * 2).unwrap_err().to_string(), "the certificate is not valid yet");
    }
}
