//! How many files this process may have open.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on open files to the hard one, which takes no privilege (setrlimit(2)), and tells what holds now; `None`: no
/// limit. The soft limit is low as a rule (1024) for the sake of programs that use select(2); this is none.
pub fn raise_open_files_limit() -> io::Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum)
}
