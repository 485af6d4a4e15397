//! `procwire maps PID`

use clap::{Args, ValueEnum};
use procwire_proto::json;

use super::{
    one_process::{note_unreadable, read, require},
    rows::write_rows,
    target::Target,
};
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::{Format, Output},
    render::process::maps::{self, Amounts},
};

/// Whose memory, as typed.
#[derive(Debug, Args)]
pub(crate) struct MapsArgs {
    /// Its pid, or PID@START_TICKS
    #[arg(value_name = "PID")]
    target: Target,
    /// Each mapping by itself, in the order of addresses; without it: added up by file
    #[arg(short, long)]
    each: bool,
    /// Greatest first by this amount; without it: by rss, with --each by address
    #[arg(short, long, value_name = "AMOUNT")]
    sort: Option<Amount>,
    /// At most so many rows; the total is of all
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// What mappings can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Amount {
    /// In RAM
    Rss,
    /// In RAM, shared pages divided by their users
    Pss,
    /// In RAM and nobody else's
    Private,
    /// Swapped out
    Swap,
    /// Address space
    Size,
}

/// Shows what is mapped into the memory of a process.
pub(crate) async fn run(args: &MapsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    // The groups are of all mappings also where the list of mappings had to be cut: the total comes from them.
    let field = if args.each { "memory_maps" } else { "memory_map_groups" };
    let mut process = read(args.target, &["pid", "memory_map_groups", field], connection).await?;
    let is_there = !process.memory_maps.is_empty() || !process.memory_map_groups.is_empty();
    require(&process, field, is_there, connection.is_local)?;
    let sort = args.sort.or((!args.each).then_some(Amount::Rss));
    if let Some(sort) = sort {
        process.memory_map_groups.sort_by_key(|group| std::cmp::Reverse(sort.of(&Amounts::from(group))));
        process.memory_maps.sort_by_key(|map| std::cmp::Reverse(sort.of(&Amounts::from(map))));
    }
    let total: Amounts = process.memory_map_groups.iter().map(Amounts::from).sum();
    let limit = args.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let (maps, groups) = (process.memory_maps.iter().take(limit), process.memory_map_groups.iter().take(limit));
    if !out.is_for_people() {
        if args.each {
            write_rows(out, maps.map(json::to_json))?;
        } else {
            write_rows(out, groups.map(json::to_json))?;
        }
    } else if is_there {
        let is_wide = out.format == Format::Wide;
        let table = if args.each {
            maps::table_of_each(maps, &total, is_wide)
        } else {
            maps::table_of_groups(groups, &total, is_wide)
        };
        table.write(&mut out.answer, out.width)?;
    } else {
        out.note("it has no memory of its own: a kernel thread")?;
    }
    note_unreadable(std::slice::from_ref(&process), connection, out)?;
    Ok(Exit::Success)
}

impl Amount {
    fn of(self, amounts: &Amounts) -> Option<u64> {
        match self {
            Self::Rss => amounts.resident,
            Self::Pss => amounts.proportional,
            Self::Private => amounts.private(),
            Self::Swap => amounts.swap,
            Self::Size => amounts.size,
        }
    }
}
