//! The certificates, keys and lists in force, and how they came to be.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use procwire_proto::v1::CertificateStatus;
use prost_types::Timestamp;
use rustls::crypto::CryptoProvider;
use tokio::sync::watch;

use super::{
    TlsError,
    own::OwnIdentity,
    parts::Part,
    provider,
    trust::{Rules, Trust},
};
use crate::{
    config::TlsFiles,
    reload::{Files, FromFiles},
};

/// How often what nears its end is said in the log.
const SAY_EVERY: Duration = Duration::from_secs(24 * 3600);
/// How often the clock is looked at for it: it may be set, and a suspended machine's timers stand still.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// What the agent shows and whom it trusts. Made from files, and made anew when they change.
#[derive(Debug)]
pub struct Certificates {
    in_force: watch::Sender<Arc<InForce>>,
    state: Mutex<State>,
}

/// All of it, at one moment.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) own: OwnIdentity,
    pub(crate) trust: Arc<Trust>,
    rules: Rules,
}

#[derive(Debug)]
struct State {
    loaded: SystemTime,
    reloads: u64,
    /// By part.
    problems: [Option<String>; Part::ALL.len()],
}

/// What one part of the files gave.
pub(super) enum Change {
    Own(OwnIdentity),
    Rules(Box<dyn FnOnce(&mut Rules)>),
}

impl Change {
    pub(super) fn rules(change: impl FnOnce(&mut Rules) + 'static) -> Change {
        Change::Rules(Box::new(change))
    }
}

impl Certificates {
    /// Reads and checks the files. What has expired is only warned of.
    pub(crate) fn load(files: &TlsFiles) -> Result<Loaded, TlsError> {
        let now = SystemTime::now();
        let provider = provider();
        let read = Part::read_all(files);
        let own = Part::own(read.of(Part::Own), &provider)?;
        let rules = Rules {
            authorities: Arc::new(Part::authorities(read.of(Part::Authorities))?),
            lists: Arc::new(Part::revocation_lists(read.of(Part::RevocationLists))?),
            deny_list: Arc::new(Part::deny_list(read.of(Part::DenyList))?),
            trust_domains: Arc::new(files.spiffe_trust_domains.clone()),
        };
        let trust = Trust::new(rules.clone(), &provider, now).map_err(|problem| TlsError::Lists { problem })?;
        let in_force = InForce { provider, own, trust: Arc::new(trust), rules };
        let state = State { loaded: now, reloads: 0, problems: Default::default() };
        let certificates =
            Arc::new(Certificates { in_force: watch::Sender::new(Arc::new(in_force)), state: Mutex::new(state) });
        let parts = read.into_parts(files, &certificates);
        Ok(Loaded { certificates, parts })
    }

    pub(crate) fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.subscribe()
    }

    /// Takes a change into force, all of it or nothing.
    pub(super) fn take(&self, change: Change) -> Result<(), String> {
        // Held until it is done: parts change one after the other.
        let mut state = self.state();
        let old = self.in_force();
        let now = SystemTime::now();
        let new = match change {
            Change::Own(own) => {
                let trust = Arc::clone(&old.trust);
                InForce { own, trust, provider: Arc::clone(&old.provider), rules: old.rules.clone() }
            }
            Change::Rules(change) => {
                let mut rules = old.rules.clone();
                change(&mut rules);
                old.with_rules(rules, now)?
            }
        };
        state.loaded = now;
        state.reloads += 1;
        self.in_force.send_replace(Arc::new(new));
        Ok(())
    }

    pub(super) fn set_problem(&self, part: Part, problem: Option<&str>) {
        if let Some(known) = self.state().problems.get_mut(part as usize) {
            *known = problem.map(str::to_owned);
        }
    }

    /// Says in the log what nears its end, each day and whenever that changes; lets go of authorities that have ended.
    pub(crate) async fn watch_ends(&self) {
        let mut changes = self.subscribe();
        let mut said: (Vec<String>, Option<SystemTime>) = (Vec::new(), None);
        loop {
            let now = SystemTime::now();
            let in_force = Arc::clone(&changes.borrow_and_update());
            let warnings = in_force.warnings(now);
            let is_due = said.1.is_none_or(|then| now.duration_since(then).unwrap_or(SAY_EVERY) >= SAY_EVERY);
            if is_due || warnings != said.0 {
                for warning in &warnings {
                    tracing::warn!("{warning}");
                }
                said = (warnings, Some(now));
            }
            let pause = in_force.until_next_end(now).map_or(LOOK_EVERY, |end| end.min(LOOK_EVERY));
            tokio::select! {
                () = tokio::time::sleep(pause) => self.let_go_of_the_ended(&in_force),
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }

    fn let_go_of_the_ended(&self, seen: &Arc<InForce>) {
        let _state = self.state();
        let now = SystemTime::now();
        let in_force = self.in_force();
        if !Arc::ptr_eq(&in_force, seen) || in_force.trust.is_current(now) {
            return;
        }
        match in_force.with_rules(in_force.rules.clone(), now) {
            Ok(new) => drop(self.in_force.send_replace(Arc::new(new))),
            Err(problem) => tracing::error!(problem, "an authority that has ended is still in force"),
        }
    }

    /// For whoever asks how the agent fares.
    pub(crate) fn status(&self, connections_ended: u64) -> CertificateStatus {
        let in_force = self.in_force();
        let State { loaded, reloads, problems } = &*self.state();
        let InForce { own, rules, .. } = &*in_force;
        CertificateStatus {
            loaded: Some(Timestamp::from(*loaded)),
            reloads: *reloads,
            problem: problems.iter().flatten().map(String::as_str).collect::<Vec<_>>().join("; "),
            client_ca_expires: rules.authorities.first_end().map(Timestamp::from),
            revocation_list_next_update: rules.lists.first_end().map(Timestamp::from),
            revoked: rules.lists.revoked() + rules.deny_list.len(),
            connections_ended,
            serial: own.serial.clone(),
            spiffe_id: own.spiffe_id.clone().unwrap_or_default(),
            warnings: in_force.warnings(SystemTime::now()),
        }
    }

    /// End of the agent's own certificate.
    pub(crate) fn expires(&self) -> Timestamp {
        Timestamp::from(self.in_force.borrow().own.validity.ends)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is in force, and what looks after its files.
pub(crate) struct Loaded {
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) parts: Vec<(Box<dyn FromFiles>, Files)>,
}

impl InForce {
    fn with_rules(&self, rules: Rules, now: SystemTime) -> Result<InForce, String> {
        let trust = Arc::new(Trust::new(rules.clone(), &self.provider, now)?);
        Ok(InForce { provider: Arc::clone(&self.provider), own: self.own.clone(), trust, rules })
    }

    pub(super) fn provider(&self) -> &CryptoProvider {
        &self.provider
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    fn warnings(&self, now: SystemTime) -> Vec<String> {
        let InForce { own, rules, .. } = self;
        let own = std::iter::once(("tls.certificate", own.path.as_str(), &own.validity));
        let authorities =
            rules.authorities.validities().map(|(path, validity)| ("an authority of tls.client_ca", path, validity));
        let lists = rules.lists.validities().map(|(path, validity)| ("tls.client_crl", path, validity));
        let outdated = rules.lists.outdated().map(|path| {
            format!(
                "tls.client_crl {path}: a list in it is not looked at, because there is a newer one of the same issuer"
            )
        });
        let denied = rules.authorities.denied_by(&rules.deny_list).map(|(path, entry)| {
            format!("an authority of tls.client_ca {path} is on tls.deny_list ({entry}): nobody is let in whom it vouches for")
        });
        own.chain(authorities)
            .chain(lists)
            .filter_map(|(what, path, validity)| validity.warning(what, path, now))
            .chain(outdated)
            .chain(denied)
            .collect()
    }

    fn until_next_end(&self, now: SystemTime) -> Option<Duration> {
        let end = self.rules.authorities.next_end(now)?;
        // The last second counts.
        Some(end.duration_since(now).unwrap_or_default() + Duration::from_secs(1))
    }
}
