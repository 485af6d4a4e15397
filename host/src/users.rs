//! Names of users: the passwd file of the host first, its name services for uids that are not in it.

mod passwd;

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::{Roots, sys};

/// How long an answer of the name services, or their having none, is believed.
const NAME_SERVICE_LIFE: Duration = Duration::from_mins(1);

/// Answers of the name services that are kept. A user who may make user namespaces may make processes of many uids.
const MOST_ANSWERS: usize = 4096;

/// The passwd file is looked at again after this long; a look is one `stat`.
const PASSWD_CHECK: Duration = Duration::from_secs(1);

/// The user database of a host.
#[derive(Debug)]
pub(crate) struct Users {
    passwd: PathBuf,
    ask_name_services: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    passwd: HashMap<u32, Arc<[u8]>>,
    version: Option<(SystemTime, u64)>,
    checked: Option<Instant>,
    services: HashMap<u32, ServiceAnswer>,
}

/// When the name services were asked, and what they said.
type ServiceAnswer = (Instant, Option<Arc<[u8]>>);

impl Users {
    pub(crate) fn new(roots: &Roots) -> Self {
        Self { passwd: roots.etc.join("passwd"), ask_name_services: roots.has_own_users(), known: Mutex::default() }
    }

    /// The name of a uid, if it has one.
    pub(crate) fn name(&self, uid: u32) -> Option<Arc<[u8]>> {
        let now = Instant::now();
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.refresh(&self.passwd, now);
            if let Some(name) = known.passwd.get(&uid) {
                return Some(name.clone());
            }
            match known.services.get(&uid) {
                Some((since, name)) if now.duration_since(*since) < NAME_SERVICE_LIFE => return name.clone(),
                _ if !self.ask_name_services => return None,
                _ => {}
            }
        }
        // Not under the lock: a directory server may take its time.
        let name: Option<Arc<[u8]>> = sys::user_name(uid).map(Arc::from);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.services.len() >= MOST_ANSWERS {
            known.services.clear();
        }
        known.services.insert(uid, (now, name.clone()));
        name
    }
}

impl Known {
    /// Reads the passwd file again if it changed. One that cannot be read leaves what was known.
    fn refresh(&mut self, path: &PathBuf, now: Instant) {
        if self.checked.is_some_and(|checked| now.duration_since(checked) < PASSWD_CHECK) {
            return;
        }
        self.checked = Some(now);
        let Ok(metadata) = fs::metadata(path) else { return };
        let version = metadata.modified().ok().map(|modified| (modified, metadata.len()));
        if version.is_some() && version == self.version {
            return;
        }
        if let Ok(text) = fs::read(path) {
            self.passwd = passwd::entries(&text).map(|(uid, name)| (uid, Arc::from(name))).collect();
            self.version = version;
            self.services.clear();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_passwd_file_of_the_root_given() {
        let etc = tempfile::tempdir().unwrap();
        fs::write(etc.path().join("passwd"), "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n").unwrap();
        let users = Users::new(&Roots { etc: etc.path().into(), ..Roots::default() });
        assert_eq!(users.name(1000).as_deref(), Some(&b"alice"[..]));
        assert_eq!(users.name(1001), None, "another machine's users are not asked of this one's services");
    }

    #[test]
    fn a_host_without_a_passwd_file_has_no_names() {
        let etc = tempfile::tempdir().unwrap();
        let users = Users::new(&Roots { etc: etc.path().into(), ..Roots::default() });
        assert_eq!(users.name(0), None);
    }
}
