//! `procwire cpu`: the processors, what they do and how fast they are.

mod facts;
mod frequencies;
mod numbers;
mod time_table;

use std::io::{self, Write};

use procwire_proto::v1::System;

pub(crate) use facts::counts;
pub(crate) use frequencies::frequency_table;
pub(crate) use numbers::ranges;

use self::{
    facts::facts,
    time_table::{share_table, time_table, title},
};
use super::page::Page;

/// What was asked for beside the facts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Each processor.
    pub(crate) each: bool,
    /// Times since boot in place of shares of a window.
    pub(crate) times: bool,
}

/// Prints the processors; `before` is the reading at the beginning of the window.
pub(crate) fn write_cpu(
    out: &mut dyn Write,
    before: Option<&System>,
    system: &System,
    shown: Shown,
    width: Option<u16>,
) -> io::Result<()> {
    let mut page = Page::default();
    let Some(cpu) = &system.cpu else { return Ok(()) };
    page.list("Processors", facts(before, system, cpu));
    if shown.times {
        page.table("Time since boot", time_table(cpu, shown.each));
    } else if let Some(table) = share_table(cpu, shown.each) {
        page.table(title(cpu), table);
    }
    if !cpu.frequency_policies.is_empty() {
        page.table("Frequency", frequency_table(&cpu.frequency_policies));
    }
    page.write(out, width)
}

#[cfg(test)]
mod tests;
