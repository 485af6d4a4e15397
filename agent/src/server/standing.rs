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
