//! `procwire context add|use|list|remove`

use std::path::{self, PathBuf};

use anstyle::Style;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    connection::ConnectionArgs,
    contexts::{Context, Contexts, LOCAL},
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::{
        json::{ArrayWriter, write_line},
        printable::printable,
        table::{Align, Column, HEADER, Table},
    },
};

/// What to do with contexts.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Keep an agent under a name: procwire context add web --endpoint https://web:7443 --ca .. --cert .. --key ..
    Add(AddArgs),
    /// Make one the agent that is asked; "local" is the one inside this process
    Use(NameArgs),
    /// Show all of them
    List,
    /// Forget one
    Remove(NameArgs),
}

/// A context to add, as typed; the rest is in the arguments of every command.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name
    name: String,
    /// Replace one of the same name
    #[arg(long)]
    force: bool,
}

/// A context, as typed.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// Its name
    name: String,
}

/// Keeps contexts.
pub(crate) fn run(command: &ContextCommand, connection: &ConnectionArgs, out: &mut Output) -> Result<Exit, CliError> {
    let file = connection.config_file()?;
    let mut contexts = file.load()?;
    let said = match command {
        ContextCommand::Add(args) => {
            contexts.add(&args.name, context(connection)?, args.force)?;
            format!("context {} added to {}", args.name, file.path().display())
        }
        ContextCommand::Use(args) => {
            contexts.use_context(&args.name)?;
            format!("context {} is in use", args.name)
        }
        ContextCommand::Remove(args) => {
            contexts.remove(&args.name)?;
            format!("context {} removed", args.name)
        }
        ContextCommand::List => return list(&contexts, out),
    };
    file.save(&contexts)?;
    let in_use = match contexts.current() {
        LOCAL => "commands ask the agent inside this process".to_owned(),
        name => format!("commands ask {name}"),
    };
    writeln!(out.answer, "{}; {in_use}", printable(&said))?;
    Ok(Exit::Success)
}

fn context(connection: &ConnectionArgs) -> Result<Context, CliError> {
    let ConnectionArgs { endpoint, ca, cert, key, server_name, agent_id, crl, .. } = connection;
    let endpoint = endpoint.clone().ok_or_else(|| CliError::Usage("a context needs an --endpoint".to_owned()))?;
    if cert.is_some() != key.is_some() {
        return Err(CliError::Usage("--cert and --key belong together".to_owned()));
    }
    Ok(Context {
        endpoint,
        ca: absolute(ca.as_ref())?,
        cert: absolute(cert.as_ref())?,
        key: absolute(key.as_ref())?,
        server_name: server_name.clone(),
        agent_id: agent_id.clone(),
        crl: absolute(crl.as_ref())?,
    })
}

/// A context is used from other directories than the one it was added in.
fn absolute(path: Option<&PathBuf>) -> Result<Option<PathBuf>, CliError> {
    let Some(path) = path else { return Ok(None) };
    if !path.exists() {
        return Err(CliError::Usage(format!("{} does not exist", path.display())));
    }
    path::absolute(path).map(Some).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))
}

fn list(contexts: &Contexts, out: &mut Output) -> Result<Exit, CliError> {
    match out.format {
        Format::Table | Format::Wide => write_table(contexts, out)?,
        Format::Json | Format::Ndjson => {
            let mut array = ArrayWriter::default();
            for (name, context) in &contexts.named {
                let value = json!({
                    "name": name,
                    "in_use": contexts.current() == name,
                    "endpoint": context.endpoint,
                    "ca": context.ca,
                    "cert": context.cert,
                    "key": context.key,
                    "server_name": context.server_name,
                    "agent_id": context.agent_id,
                    "crl": context.crl,
                });
                match out.format {
                    Format::Ndjson => write_line(&mut out.answer, &value)?,
                    _ => array.push(&mut out.answer, &value)?,
                }
            }
            if out.format == Format::Json {
                array.finish(&mut out.answer)?;
            }
        }
    }
    Ok(Exit::Success)
}

fn write_table(contexts: &Contexts, out: &mut Output) -> Result<(), CliError> {
    let columns = ["", "NAME", "ENDPOINT", "CERTIFICATE"].map(|header| Column::new(header, Align::Left));
    let mut table = Table::new(columns.to_vec());
    let mut push = |name: &str, endpoint: &str, certificate: &str| {
        let is_current = contexts.current() == name;
        let mark = if is_current { "*" } else { "" };
        let cells = [mark, name, endpoint, certificate].map(|cell| printable(cell).into_owned());
        table.push(cells.to_vec(), if is_current { HEADER } else { Style::new() });
    };
    push(LOCAL, "the agent inside this process", "-");
    for (name, context) in &contexts.named {
        let certificate = context.cert.as_ref().map_or("-".to_owned(), |path| path.display().to_string());
        push(name, &context.endpoint, &certificate);
    }
    table.write(&mut out.answer, out.width)?;
    Ok(())
}
