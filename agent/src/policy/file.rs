//! The file of a policy: read again when it changes. One with a mistake changes nothing but the status.

use std::{path::PathBuf, sync::Arc};

use super::{Policy, PolicyHandle, text_of};
use crate::reload::{Files, FromFiles};

/// Brings a changed policy file into force.
pub(crate) struct PolicyFile {
    path: PathBuf,
    handle: Arc<PolicyHandle>,
}

impl PolicyFile {
    /// The file of the policy that the handle has.
    pub(crate) fn new(path: PathBuf, handle: Arc<PolicyHandle>) -> Self {
        Self { path, handle }
    }
}

impl FromFiles for PolicyFile {
    fn what(&self) -> &'static str {
        "policy"
    }

    fn paths(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }

    fn take(&mut self, files: &Files) -> Result<String, String> {
        let file = files.iter().find(|file| file.path == self.path).ok_or("the policy file was not looked at")?;
        let in_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", self.path.display());
        let content = file.content.as_ref().map_err(|error| in_file(error))?;
        content.open_to_writers().map_or(Ok(()), |problem| Err(in_file(&problem)))?;
        let text = text_of(&self.path, content.bytes.clone()).map_err(|error| error.to_string())?;
        let policy = Policy::parse(&text, Some(&self.path)).map_err(|error| error.to_string())?;
        let words = format!("{} rules, sha256 {}", policy.rules().len(), policy.sha256());
        self.handle.replace(policy);
        Ok(words)
    }

    fn told(&mut self, problem: Option<&str>) {
        self.handle.tell(problem);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::{os::unix::fs::PermissionsExt, path::Path};

    use super::*;

    const ONE: &str = "[[rule]]\nname = \"one\"\neffect = \"allow\"\nwhen = \"role_allows\"\n";

    fn write(path: &Path, text: &str) -> Files {
        std::fs::write(path, text).unwrap();
        Files::read(&[path.to_owned()])
    }

    #[test]
    fn a_changed_file_is_in_force_and_one_with_a_mistake_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.toml");
        write(&path, ONE);
        let handle = PolicyHandle::load(Some(&path)).unwrap();
        let mut file = PolicyFile::new(path.clone(), Arc::clone(&handle));
        assert_eq!(file.paths(), std::slice::from_ref(&path));
        let changes = handle.changes();
        let before = handle.status();
        assert_eq!((before.rules, before.problem.as_str()), (1, ""));

        let mistaken = write(&path, "[[rule]]\nname = \"one\"\neffect = \"allow\"\nwhen = \"role_alows\"\n");
        let problem = file.take(&mistaken).unwrap_err();
        assert!(problem.contains("line 4: rule \"one\"") && problem.contains("role_alows"), "{problem}");
        file.told(Some(&problem));
        assert_eq!((changes.has_changed().unwrap(), handle.status().sha256), (false, before.sha256));
        assert_eq!(handle.status().problem, problem);

        let two = format!("{ONE}[[rule]]\nname = \"two\"\neffect = \"deny\"\nwhen = 'principal.name == \"eve\"'\n");
        assert!(file.take(&write(&path, &two)).unwrap().starts_with("2 rules"));
        assert_eq!((handle.status().rules, handle.status().problem.as_str()), (2, ""));
        assert!(changes.has_changed().unwrap());

        let permissions = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        permissions(0o666);
        let problem = file.take(&write(&path, ONE)).unwrap_err();
        assert_eq!(problem, format!("{}: mode 666 lets everyone write it; run chmod o-w on it", path.display()));
        let refused = PolicyHandle::load(Some(&path)).unwrap_err().to_string();
        assert!(refused.contains("mode 666 lets everyone write it"), "{refused}");
        permissions(0o664);
        PolicyHandle::load(Some(&path)).unwrap();

        std::fs::remove_file(&path).unwrap();
        assert!(file.take(&Files::read(&[path])).unwrap_err().contains("No such file"));
        assert_eq!(handle.current().rules().len(), 2, "the last good one stays");
    }
}
