//! What fills a host: processes that do nothing, connections, a process with very many mappings.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use procwire_tests::python;

/// Processes that do nothing, so that the table has a known length.
pub struct Sleepers {
    children: Vec<Child>,
}

impl Sleepers {
    pub fn start(count: u32) -> Self {
        let start = |_| Command::new("sleep").arg("3600").stdin(Stdio::null()).spawn().unwrap();
        Self { children: (0..count).map(start).collect() }
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
    }
}

/// A process that makes itself ready, says so, and stays.
pub struct Model {
    child: Child,
}

/// TCP connections over loopback, both ends of each in one process.
const CONNECTIONS: &str = "
import resource, socket, sys, time
count = int(sys.argv[1])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
ends = []
listener = socket.create_server(('127.0.0.1', 0), backlog=64)
for _ in range(count):
    ends.append(socket.create_connection(listener.getsockname()))
    ends.append(listener.accept()[0])
print('ready', flush=True)
time.sleep(3600)
";

/// Neighbouring pages with different rights are not merged into one mapping.
const MAPPINGS: &str = "
import ctypes, mmap, sys, time
count = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
page = mmap.PAGESIZE
start = libc.mmap(None, page * count, 3, 0x22, -1, 0)
for index in range(0, count, 2):
    assert libc.mprotect(start + index * page, page, 1) == 0, ctypes.get_errno()
print('ready', flush=True)
time.sleep(3600)
";

/// Two generations below it, and nothing else.
const FAMILY: &str = "
import subprocess, sys, time
children = [subprocess.Popen(['sh', '-c', 'sleep 3600 & sleep 3600 & wait']) for _ in range(2)]
time.sleep(0.5)
print('ready', flush=True)
time.sleep(3600)
";

impl Model {
    /// As many processes as it takes: one may have so many descriptors open.
    pub fn with_connections(count: u32) -> Vec<Self> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let most = limit.map_or(count, |limit| u32::try_from(limit / 2 - 32).unwrap_or(count)).min(count);
        let parts = count.div_ceil(most);
        (0..parts).map(|_| Self::start(CONNECTIONS, &[&count.div_ceil(parts).to_string()])).collect()
    }

    pub fn with_mappings(count: u32) -> Self {
        Self::start(MAPPINGS, &[&count.to_string()])
    }

    pub fn with_descendants() -> Self {
        Self::start(FAMILY, &[])
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn start(script: &str, arguments: &[&str]) -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(python::python());
        // A group of its own, so that its children end with it.
        command.args(["-c", script]).args(arguments).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let mut answer = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "ready", "what it said stands above");
        Self { child }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}
