//! What the demonstration needs: certificates in a folder of their own, and an agent that serves on the loopback.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use procwire_agent::{
    Agent, Config, RunError,
    config::{Settings, Source},
};
use procwire_client::Client;
use tokio::{sync::oneshot, task::JoinHandle};

use super::narrator::Narrator;
use crate::{
    error::CliError,
    pki::{AgentProfile, Authority, ClientProfile, Directory, Role, SubjectName, Validity},
    private_file::Existing,
    render::units,
};

const READER: &str = "alice";
const OPERATOR: &str = "bob";

/// Certificates, an agent and those who call it. Dropped, it takes all of it away.
pub(super) struct Stage {
    address: SocketAddr,
    directory: Directory,
    /// May read.
    pub(super) reader: Client,
    /// May end processes.
    pub(super) operator: Client,
    agent: RunningAgent,
    folder: tempfile::TempDir,
}

struct RunningAgent {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Stage {
    /// Makes certificates and starts the agent.
    pub(super) async fn set(say: &mut Narrator<'_>) -> Result<Self, CliError> {
        let folder = tempfile::Builder::new().prefix("procwire-demo-").tempdir().map_err(failed("make a folder"))?;
        let directory = Directory::new(folder.path().join("pki"), Existing::Keep);
        make_certificates(&directory, say)?;
        let (address, agent) = start_agent(&directory, &audit_file(folder.path()), say).await?;
        let client = |name| client(address, &directory, Some(name));
        let stage = Self { reader: client(READER)?, operator: client(OPERATOR)?, address, directory, agent, folder };
        stage.introduce(say).await?;
        Ok(stage)
    }

    /// A caller without a certificate.
    pub(super) fn stranger(&self) -> Result<Client, CliError> {
        client(self.address, &self.directory, None)
    }

    /// Where the agent writes its audit trail.
    pub(super) fn audit_file(&self) -> PathBuf {
        audit_file(self.folder.path())
    }

    async fn introduce(&self, say: &mut Narrator<'_>) -> Result<(), CliError> {
        for client in [&self.reader, &self.operator] {
            let began = Instant::now();
            let info = client.agent().info().await?;
            let took = began.elapsed();
            let caller = info.caller.unwrap_or_default();
            say.line(&format!(
                "connected as {:5} with the role {:8} (handshake and first call: {:.1} ms)",
                caller.principal,
                caller.roles.join(", "),
                took.as_secs_f64() * 1e3,
            ))?;
        }
        Ok(())
    }

    /// Stops the agent in order and removes the folder.
    pub(super) async fn strike(self, say: &mut Narrator<'_>) -> Result<(), CliError> {
        let Self { reader, operator, agent, folder, .. } = self;
        drop((reader, operator));
        let began = Instant::now();
        // Fails only if the agent has ended by itself, which the next line tells.
        let _ = agent.stop.send(());
        agent.task.await.map_err(|error| failed("the agent's task")(error))?.map_err(failed("stop the agent"))?;
        let path = folder.path().display().to_string();
        folder.close().map_err(failed("remove the folder"))?;
        say.step("Nothing is left behind", None)?;
        say.line(&format!("agent stopped in {}, {path} removed", units::span(began.elapsed())))?;
        Ok(())
    }
}

fn make_certificates(directory: &Directory, say: &mut Narrator<'_>) -> Result<(), CliError> {
    say.step("Certificates: an authority, an agent, two callers", Some("procwire pki init; procwire pki issue ..."))?;
    let validity = Validity::days(1);
    directory.init(&Authority::create("procwire demo", validity)?)?;
    let subject_names: Vec<SubjectName> =
        ["DNS:localhost", "IP:127.0.0.1"].into_iter().filter_map(|name| name.parse().ok()).collect();
    directory.issue_agent(&AgentProfile { name: "demo-agent".to_owned(), subject_names, validity })?;
    say.line("demo-agent   for servers only    good for localhost and 127.0.0.1")?;
    for (name, role, may) in
        [(READER, Role::Reader, "may read"), (OPERATOR, Role::Operator, "may read and end processes")]
    {
        directory.issue_client(&ClientProfile { name: name.to_owned(), role, validity })?;
        say.line(&format!("{name:12} for clients only    {role}: {may}"))?;
    }
    say.line(&format!("in {}, mode 0700, for a day", directory.path().display()))?;
    Ok(())
}

async fn start_agent(
    directory: &Directory,
    audit_file: &Path,
    say: &mut Narrator<'_>,
) -> Result<(SocketAddr, RunningAgent), CliError> {
    say.step("An agent on this host: TLS 1.3, no caller without a certificate", Some("procwired ..."))?;
    let config = config(directory, audit_file).map_err(failed("configure the agent"))?;
    let agent = Agent::bind(config).await.map_err(failed("start the agent"))?;
    let address = agent.local_addr();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(agent.run(async move {
        // Dropped without a word, it means the same.
        let _ = stopped.await;
    }));
    say.line(&format!("listening on {address}"))?;
    Ok((address, RunningAgent { stop, task }))
}

fn config(directory: &Directory, audit_file: &Path) -> Result<Config, procwire_agent::ConfigError> {
    let mut settings = Settings::defaults()?;
    let pki = directory.path();
    for (key, value) in [
        ("listen", PathBuf::from("127.0.0.1:0")),
        ("tls.certificate", pki.join("demo-agent.crt")),
        ("tls.key", pki.join("demo-agent.key")),
        ("tls.client_ca", directory.authority_certificate()),
        ("audit.file", audit_file.to_owned()),
    ] {
        settings.assign(key, &value.to_string_lossy(), Source::Program)?;
    }
    Config::from_settings(&settings)
}

fn client(address: SocketAddr, directory: &Directory, name: Option<&str>) -> Result<Client, CliError> {
    let pki = directory.path();
    let mut builder = Client::builder(format!("https://{address}"))
        .ca_file(directory.authority_certificate())
        .connect_timeout(Duration::from_secs(5));
    if let Some(name) = name {
        builder = builder.identity_files(pki.join(format!("{name}.crt")), pki.join(format!("{name}.key")));
    }
    Ok(builder.build()?)
}

fn audit_file(folder: &Path) -> PathBuf {
    folder.join("audit.jsonl")
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> CliError {
    move |error| CliError::Demo(format!("{what}: {error}"))
}
