//! `procwire ps`

use clap::Args;
use procwire_client::ListProcesses;
use procwire_proto::json;

use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::{
        json::{ArrayWriter, write_line},
        process::{COMPACT, Layout, WIDE, table, table_of_fields},
        unreadable,
    },
};

/// What `ps` shows, as typed.
#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Fields to show, in this order: pid,name,memory.resident_bytes ("memory": all of it, "*": everything);
    /// `procwire agent capabilities` lists them
    #[arg(short, long, value_name = "A,B,...", value_delimiter = ',', value_parser = clap::builder::NonEmptyStringValueParser::new())]
    fields: Vec<String>,
    /// At most so many processes, by ascending pid
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Lists processes.
pub(crate) async fn run(args: &PsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let mut request = connection.client.processes().list();
    if let Some(timeout) = connection.timeout {
        request = request.timeout(timeout);
    }
    if let Some(limit) = args.limit {
        request = request.limit(limit);
    }
    match out.format {
        Format::Json | Format::Ndjson => {
            let request = if args.fields.is_empty() { request } else { request.fields(&args.fields) };
            print_json(request, out).await?;
        }
        Format::Table | Format::Wide if !args.fields.is_empty() => {
            let list = request.fields(&args.fields).await?;
            let effective = list.header.effective_mask.unwrap_or_default();
            let table = table_of_fields(&args.fields, &effective, &list.processes, &out.clock);
            table.write(&mut out.answer, out.width)?;
            note_unreadable(&list.processes, connection, out)?;
        }
        Format::Table => print_table(request, &COMPACT, connection, out).await?,
        Format::Wide => print_table(request, &WIDE, connection, out).await?,
    }
    Ok(Exit::Success)
}

async fn print_table(
    request: ListProcesses,
    layout: &Layout,
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    let list = request.fields(layout.fields()).await?;
    table(layout, &list.processes, &out.clock).write(&mut out.answer, out.width)?;
    note_unreadable(&list.processes, connection, out)
}

/// Rows are printed as they come, so that memory does not grow with the table.
async fn print_json(request: ListProcesses, out: &mut Output) -> Result<(), CliError> {
    let mut rows = request.stream().await?;
    let mut array = ArrayWriter::default();
    while let Some(processes) = rows.next().await? {
        for process in &processes {
            let value = json::to_json(process);
            match out.format {
                Format::Ndjson => write_line(&mut out.answer, &value)?,
                _ => array.push(&mut out.answer, &value)?,
            }
        }
    }
    if out.format != Format::Ndjson {
        array.finish(&mut out.answer)?;
    }
    Ok(())
}

fn note_unreadable(
    processes: &[procwire_client::v1::Process],
    connection: &Connection,
    out: &mut Output,
) -> Result<(), CliError> {
    if let Some(footnote) = unreadable::footnote(processes, connection.is_local) {
        out.note(&footnote)?;
    }
    Ok(())
}
