//! The real `procwired`, started for one test with a fresh authority on a free port, and ended with it.

use std::{
    ffi::{OsStr, OsString},
    fmt::Display,
    fs::{self, Permissions},
    net::SocketAddr,
    os::unix::{fs as unix_fs, fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use procwire_cli::pki::Role;
use procwire_client::{Client, ClientBuilder};
use tempfile::TempDir;

use crate::{
    Identity, Pki, programs, signal,
    victim::reference_of,
    waiting::{PATIENCE, TIME_FOR_A_CALL, eventually, eventually_async},
};

/// The user that unprivileged agents run as when the tests run as root: nobody.
pub const NOBODY: u32 = 65534;

/// How an agent shall be started.
#[derive(Default)]
pub struct AgentOptions {
    settings: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    uid: Option<u32>,
    launcher: Vec<OsString>,
    full_disk: bool,
    unready: bool,
    files: Vec<(String, MadeFile)>,
}

/// The text of a file for the agent's folder, by what its authority signs.
type MadeFile = Box<dyn Fn(&Pki) -> String + Send + Sync>;

impl AgentOptions {
    /// Sets a key of the configuration.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Display) -> Self {
        self.settings.push((key.to_owned(), format!("{value}")));
        self
    }

    /// Puts a file into its folder, which it runs in, and names it in a key of the configuration.
    #[must_use]
    pub fn file(mut self, key: &str, name: &str, text: impl Fn(&Pki) -> String + Send + Sync + 'static) -> Self {
        self.files.push((name.to_owned(), Box::new(text)));
        self.set(key, name)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs it as nobody if the tests run as root; otherwise the tests' own user is as good.
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.uid = programs::is_root().then_some(NOBODY);
        self
    }

    /// Starts it by a command that becomes the one in its last arguments: `setpriv`, `unshare`, `sh -c '...; exec "$@"' sh`. The command
    /// runs as the tests do, also where the agent shall be unprivileged: it can prepare what the agent may not.
    #[must_use]
    pub fn started_by(mut self, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.launcher = command.into_iter().map(Into::into).collect();
        self
    }

    /// Lets every write to its audit trail and its log fail, as on a full disk.
    #[must_use]
    pub fn full_disk(mut self) -> Self {
        self.full_disk = true;
        self
    }

    /// Does not wait until it can be called, because it is expected not to start.
    #[must_use]
    pub fn expected_to_fail(mut self) -> Self {
        self.unready = true;
        self
    }

    /// Starts it.
    pub fn start(self) -> Agent {
        Agent::start_with(self)
    }
}

/// A running agent. It is killed when this value goes, and its folder with it.
pub struct Agent {
    /// Its authority.
    pub pki: Pki,
    folder: TempDir,
    options: AgentOptions,
    child: Child,
    address: SocketAddr,
}

impl Agent {
    /// With the defaults, as the user that runs the tests.
    pub fn start() -> Self {
        AgentOptions::default().start()
    }

    /// Options to start with.
    pub fn options() -> AgentOptions {
        AgentOptions::default()
    }

    fn start_with(options: AgentOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("procwire-test-").tempdir().unwrap();
        let pki = Pki::new();
        let identity = pki.agent();
        write_private(&folder.path().join("ca.crt"), pki.ca_pem());
        write_private(&folder.path().join("agent.crt"), &identity.certificate_pem);
        write_private(&folder.path().join("agent.key"), &identity.key_pem);
        for (name, text) in &options.files {
            write_private(&folder.path().join(name), &text(&pki));
        }
        let mut command = command(&options, folder.path());
        if let Some(uid) = options.uid {
            hand_over(folder.path(), uid);
            if options.launcher.is_empty() {
                command.uid(uid).gid(uid);
            }
        }
        let child = command.spawn().unwrap();
        let is_awaited = !options.unready;
        let mut agent = Self { pki, folder, options, child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        if is_awaited {
            agent.address = agent.wait_for_address();
        }
        agent
    }

    /// Ends it at once, as a loss of power would.
    pub fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew with the same folder, after it has ended.
    pub fn start_again(&mut self) {
        assert!(!self.is_running(), "it runs");
        fs::remove_file(self.path("address")).unwrap();
        let mut command = command(&self.options, self.folder.path());
        if let (Some(uid), true) = (self.options.uid, self.options.launcher.is_empty()) {
            command.uid(uid).gid(uid);
        }
        self.child = command.spawn().unwrap();
        self.address = self.wait_for_address();
    }

    fn wait_for_address(&mut self) -> SocketAddr {
        let file = self.path("address");
        eventually("the agent's address", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("procwired ended with {status}:\n{}", self.log());
            }
            fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok())
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As clients name it.
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A file of its folder: "ca.crt", "audit.jsonl".
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces a file of its folder by another, as SPIRE's helper does it: never is there half a file.
    pub fn replace(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        write_private(&new, text);
        fs::rename(new, self.path(name)).unwrap();
    }

    /// An SDK client with a good certificate of this role.
    pub fn client(&self, role: Role) -> Client {
        self.client_as(&self.pki.client(role))
    }

    /// An SDK client with this certificate, whatever it is.
    pub fn client_as(&self, identity: &Identity) -> Client {
        self.anonymous().identity_pem(identity.certificate_pem.as_str(), identity.key_pem.as_str()).build().unwrap()
    }

    /// An SDK client that trusts the agent and shows no certificate yet. Its calls have time enough on the busiest machine.
    pub fn anonymous(&self) -> ClientBuilder {
        let builder = Client::builder(self.endpoint()).ca_pem(self.pki.ca_pem());
        builder.default_timeout(TIME_FOR_A_CALL).connect_timeout(PATIENCE)
    }

    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// The records of its audit file so far.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// True if it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its resident memory, read without asking it.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Asks it to stop, as a service manager would.
    pub fn terminate(&self) {
        signal(self.pid(), "TERM");
    }

    /// Waits until it has ended, while clients of the same runtime go on and can say goodbye too.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually_async("the end of the agent", || std::future::ready(child.try_wait().unwrap())).await
    }

    /// Its reference, read without asking it.
    pub fn reference(&self) -> procwire_proto::v1::ProcessRef {
        reference_of(self.pid())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln_log(&self.log());
        }
    }
}

#[allow(clippy::print_stderr, reason = "a failed test shows what the agent said")]
fn eprintln_log(log: &str) {
    eprintln!("--- log of the agent\n{log}---");
}

fn command(options: &AgentOptions, folder: &Path) -> Command {
    let program = if options.uid.is_some() { copied(&programs::procwired(), folder) } else { programs::procwired() };
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = Command::new(&program);
    if options.full_disk {
        command = full_disk(&program, folder);
    } else if let Some((first, rest)) = options.launcher.split_first() {
        command = Command::new(first);
        command.args(rest);
        if let Some(uid) = options.uid {
            command.args(["setpriv", &format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups"]);
        }
        command.arg(&program);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    let file = |name: &str| folder.join(name).into_os_string();
    command
        .args([OsStr::new("--listen"), OsStr::new("127.0.0.1:0"), OsStr::new("--address-file"), &file("address")])
        .args([OsStr::new("--audit-file"), &file("audit.jsonl")])
        .envs(options.variables.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    let tls_files = [
        ("tls.certificate", "--tls-certificate", "agent.crt"),
        ("tls.key", "--tls-key", "agent.key"),
        ("tls.client_ca", "--tls-client-ca", "ca.crt"),
    ];
    for (_, flag, name) in tls_files.iter().filter(|(key, ..)| !options.settings.iter().any(|(set, _)| set == key)) {
        command.arg(flag).arg(file(name));
    }
    for (key, value) in &options.settings {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    command
}

/// Files may not grow beyond 512 bytes, and these are as long already.
fn full_disk(program: &Path, folder: &Path) -> Command {
    for name in ["audit.jsonl", "log"] {
        write_private(&folder.join(name), &"\n".repeat(512));
    }
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]).arg(program);
    command
}

fn is_ours(name: &OsString) -> bool {
    name.to_string_lossy().starts_with("PROCWIRE_")
}

/// Another user may not be able to reach the folder that cargo builds in.
fn copied(program: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("procwired");
    programs::copy(program, &copy);
    copy
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Gives a folder and what is in it to a user.
fn hand_over(folder: &Path, uid: u32) {
    for entry in fs::read_dir(folder).unwrap() {
        unix_fs::chown(entry.unwrap().path(), Some(uid), Some(uid)).unwrap();
    }
    unix_fs::chown(folder, Some(uid), Some(uid)).unwrap();
}
