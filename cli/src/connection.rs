//! Which agent to ask: one over the network, or the one inside this process.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use procwire_agent::Embedded;
use procwire_client::{Client, ListProcesses};

use crate::{
    contexts::{AgentId, ConfigFile, Context, LOCAL},
    error::CliError,
};

/// Which agent, as typed.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Agent (without any of these: the one inside this process)")]
pub(crate) struct ConnectionArgs {
    /// Named agent of the configuration file, or "local"
    #[arg(long, value_name = "NAME", hide_env_values = true, env = "PROCWIRE_CONTEXT", global = true)]
    pub(crate) context: Option<String>,
    /// Address of the agent: https://HOST:7443
    #[arg(long, value_name = "URL", hide_env_values = true, env = "PROCWIRE_ENDPOINT", global = true)]
    pub(crate) endpoint: Option<String>,
    /// Authority that the agent's certificate must come from, PEM
    #[arg(long, value_name = "FILE", hide_env_values = true, env = "PROCWIRE_CA", global = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Own certificate, PEM
    #[arg(long, value_name = "FILE", hide_env_values = true, env = "PROCWIRE_CERT", global = true)]
    pub(crate) cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", hide_env_values = true, env = "PROCWIRE_KEY", global = true)]
    pub(crate) key: Option<PathBuf>,
    /// Name that the agent's certificate must have, if not the host of the address
    #[arg(long, value_name = "NAME", hide_env_values = true, env = "PROCWIRE_SERVER_NAME", global = true)]
    pub(crate) server_name: Option<String>,
    /// SPIFFE id that the agent's certificate must have, in place of a name: spiffe://DOMAIN/PATH, or spiffe://DOMAIN for any of
    /// that trust domain
    #[arg(long, value_name = "ID", hide_env_values = true, env = "PROCWIRE_AGENT_ID", global = true)]
    #[arg(conflicts_with = "server_name")]
    pub(crate) agent_id: Option<AgentId>,
    /// Revocation list that the agent's certificate is held against, PEM
    #[arg(long, value_name = "FILE", hide_env_values = true, env = "PROCWIRE_CRL", global = true)]
    pub(crate) crl: Option<PathBuf>,
    /// Longest time for one call; for `wait`: how long to wait
    #[arg(long, value_name = "TIME", hide_env_values = true, env = "PROCWIRE_TIMEOUT", global = true)]
    #[arg(value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Configuration file, if not the one of this user
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// Which agent, as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The one inside this process.
    Local,
    /// One over the network.
    Remote(Context),
}

impl ConnectionArgs {
    /// The configuration file in force.
    pub(crate) fn config_file(&self) -> Result<ConfigFile, CliError> {
        Ok(ConfigFile::find(self.config.clone())?)
    }

    /// What is meant: the context asked for, or the one in use, with what was typed in place of what it says.
    /// An endpoint that was typed stands alone: no identity of a context goes to it unless that was named too.
    pub(crate) fn target(&self) -> Result<Target, CliError> {
        let base = match (&self.context, &self.endpoint) {
            (None, Some(_)) => None,
            (named, _) => self.named_context(named.as_deref())?,
        };
        let files = [&self.ca, &self.cert, &self.key, &self.crl];
        let parts = files.into_iter().any(Option::is_some) || self.server_name.is_some() || self.agent_id.is_some();
        if base.is_none() && self.endpoint.is_none() {
            return if parts {
                Err(CliError::Usage(
                    "--ca, --cert, --key, --crl, --server-name and --agent-id need an --endpoint or a --context"
                        .to_owned(),
                ))
            } else {
                Ok(Target::Local)
            };
        }
        let mut base = base.unwrap_or_default();
        // What is typed says who the agent must be, whichever way the context says it.
        if self.server_name.is_some() || self.agent_id.is_some() {
            (base.server_name, base.agent_id) = (None, None);
        }
        Ok(Target::Remote(Context {
            endpoint: self.endpoint.clone().unwrap_or(base.endpoint),
            ca: self.ca.clone().or(base.ca),
            cert: self.cert.clone().or(base.cert),
            key: self.key.clone().or(base.key),
            server_name: self.server_name.clone().or(base.server_name),
            agent_id: self.agent_id.clone().or(base.agent_id),
            crl: self.crl.clone().or(base.crl),
        }))
    }

    fn named_context(&self, name: Option<&str>) -> Result<Option<Context>, CliError> {
        if name == Some(LOCAL) {
            return Ok(None);
        }
        let file = match self.config_file() {
            Ok(file) => file,
            // Without a home there are no contexts, and none was asked for.
            Err(_) if name.is_none() => return Ok(None),
            Err(error) => return Err(error),
        };
        // An agent that was chosen in a file that cannot be read is not silently replaced by another.
        let contexts =
            file.load().map_err(|error| CliError::Usage(format!("{error}; --context local does without the file")))?;
        Ok(contexts.get(name.unwrap_or(contexts.current()))?.cloned())
    }
}

/// A client, and what the command line says about all its calls.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The client.
    pub(crate) client: Client,
    /// Whether the agent is inside this process.
    pub(crate) is_local: bool,
    /// Longest time for one call, if given.
    pub(crate) timeout: Option<Duration>,
}

impl Connection {
    /// Makes the client; a remote one connects at its first call.
    pub(crate) fn open(args: &ConnectionArgs) -> Result<Self, CliError> {
        let (client, is_local) = match args.target()? {
            Target::Local => (local_client()?, true),
            Target::Remote(context) => (remote_client(context)?, false),
        };
        Ok(Self { client, is_local, timeout: args.timeout })
    }

    /// A list of processes to be asked for, within the time that was given.
    pub(crate) fn list(&self) -> ListProcesses {
        let request = self.client.processes().list();
        match self.timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        }
    }
}

fn remote_client(context: Context) -> Result<Client, CliError> {
    let Context { endpoint, ca, cert, key, server_name, agent_id, crl } = context;
    let Some(ca) = ca else {
        let problem = "an agent over the network needs --ca, the authority that its certificate comes from";
        return Err(CliError::Usage(problem.to_owned()));
    };
    let mut builder = Client::builder(endpoint).ca_file(ca);
    builder = match (cert, key) {
        (Some(cert), Some(key)) => builder.identity_files(cert, key),
        (None, None) => builder,
        (Some(_), None) => return Err(CliError::Usage("--cert needs --key".to_owned())),
        (None, Some(_)) => return Err(CliError::Usage("--key needs --cert".to_owned())),
    };
    if let Some(server_name) = server_name {
        builder = builder.server_name(server_name);
    }
    if let Some(agent_id) = agent_id {
        builder = agent_id.demand(builder);
    }
    if let Some(crl) = crl {
        builder = builder.ca_revocation_list(crl);
    }
    Ok(builder.build()?)
}

/// The same services behind the same access rules as over the network, over memory; the caller is "local", an admin.
fn local_client() -> Result<Client, CliError> {
    let agent = Embedded::start().map_err(|error| CliError::Embedded(error.to_string()))?;
    Ok(Client::from_connector("this host", move || {
        let agent = agent.clone();
        async move { Ok(agent.connect()) }
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use crate::contexts::Contexts;

    /// Arguments with a configuration file of two contexts, "web" in use.
    fn args(folder: &tempfile::TempDir) -> ConnectionArgs {
        let config = folder.path().join("config.toml");
        let args = ConnectionArgs { config: Some(config), ..ConnectionArgs::default() };
        let mut contexts = Contexts::default();
        for name in ["web", "db"] {
            let context = Context {
                endpoint: format!("https://{name}:7443"),
                key: Some(format!("/{name}.key").into()),
                ..Context::default()
            };
            contexts.add(name, context, false).unwrap();
        }
        args.config_file().unwrap().save(&contexts).unwrap();
        args
    }

    fn remote(target: Result<Target, CliError>) -> Context {
        match target.unwrap() {
            Target::Remote(context) => context,
            Target::Local => Context::default(),
        }
    }

    #[test]
    fn the_context_in_use_is_taken_and_a_named_one_goes_before() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(remote(args(&folder).target()).endpoint, "https://web:7443");
        let named = ConnectionArgs { context: Some("db".to_owned()), ..args(&folder) };
        assert_eq!(remote(named.target()).endpoint, "https://db:7443");
    }

    #[test]
    fn local_and_no_file_mean_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let local = ConnectionArgs { context: Some(LOCAL.to_owned()), ..args(&folder) };
        assert_eq!(local.target().unwrap(), Target::Local);
        let empty = ConnectionArgs { config: Some(folder.path().join("none.toml")), ..ConnectionArgs::default() };
        assert_eq!(empty.target().unwrap(), Target::Local);
    }

    #[test]
    fn an_endpoint_typed_alone_gets_no_identity_of_a_context() {
        let folder = tempfile::tempdir().unwrap();
        let typed = ConnectionArgs { endpoint: Some("https://other:7443".to_owned()), ..args(&folder) };
        assert_eq!(remote(typed.target()), Context { endpoint: "https://other:7443".to_owned(), ..Context::default() });
        let both = ConnectionArgs { context: Some("db".to_owned()), ..typed };
        let both = remote(both.target());
        assert_eq!((both.endpoint.as_str(), both.key), ("https://other:7443", Some("/db.key".into())));
    }

    #[test]
    fn an_id_that_is_typed_takes_the_place_of_the_name_in_a_context() {
        let folder = tempfile::tempdir().unwrap();
        let args = args(&folder);
        let file = args.config_file().unwrap();
        let mut contexts = file.load().unwrap();
        let named = Context { server_name: Some("web.example".to_owned()), ..Context::default() };
        contexts.add("named", named, false).unwrap();
        file.save(&contexts).unwrap();
        let typed = ConnectionArgs {
            context: Some("named".to_owned()),
            agent_id: Some("spiffe://example.org/web1".parse().unwrap()),
            ..args
        };
        let context = remote(typed.target());
        assert_eq!((context.server_name, context.agent_id), (None, typed.agent_id));
    }

    #[test]
    fn half_an_identity_is_a_usage_error() {
        let folder = tempfile::tempdir().unwrap();
        let nowhere = ConnectionArgs {
            config: Some(folder.path().join("none.toml")),
            ca: Some("/ca.crt".into()),
            ..ConnectionArgs::default()
        };
        assert!(matches!(nowhere.target(), Err(CliError::Usage(_))));
        let keyless = Context {
            endpoint: "https://x:7443".to_owned(),
            ca: Some("/ca".into()),
            cert: Some("/a".into()),
            ..Context::default()
        };
        assert!(matches!(remote_client(keyless), Err(CliError::Usage(_))));
    }

    #[test]
    fn a_name_that_is_none_is_an_error_not_this_process() {
        let folder = tempfile::tempdir().unwrap();
        let unknown = ConnectionArgs { context: Some("wbe".to_owned()), ..args(&folder) };
        assert!(matches!(unknown.target(), Err(CliError::Context(_))));
    }
}
