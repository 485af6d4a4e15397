//! `procwire pki inspect`

use std::path::PathBuf;

use clap::Args;

use crate::{
    error::CliError,
    output::{Format, Output},
    pki::{Directory, Inspection, Judge, inspect},
    render::{
        certificates::page,
        json::{ArrayWriter, write_line},
    },
};

/// What to look at, as typed.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Files with certificates, revocation lists or keys: PEM, or one as DER. What is given together is held together: keys against
    /// certificates, revocation lists too; the authority and the list in --dir count if they are there
    #[arg(required = true)]
    file: Vec<PathBuf>,
}

/// Shows what is in the files.
pub(super) fn run(args: &InspectArgs, directory: &Directory, out: &mut Output) -> Result<(), CliError> {
    let inspections = inspect(&args.file, Judge::of(directory))?;
    match out.format {
        Format::Table | Format::Wide => page(&inspections, &out.clock).write(&mut out.answer, out.width)?,
        Format::Json => {
            let mut array = ArrayWriter::default();
            for inspection in &inspections {
                array.push(&mut out.answer, &value(inspection)?)?;
            }
            array.finish(&mut out.answer)?;
        }
        Format::Ndjson => {
            for inspection in &inspections {
                write_line(&mut out.answer, &value(inspection)?)?;
            }
        }
    }
    Ok(())
}

fn value(inspection: &Inspection) -> Result<serde_json::Value, CliError> {
    serde_json::to_value(inspection).map_err(|error| CliError::Output(error.into()))
}
