//! The command line tool `procwire`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    procwire_cli::run(std::env::args_os())
}
