//! `procwire sensors`

use clap::Args;
use procwire_proto::json;

use super::one_host;
use crate::{
    connection::Connection,
    error::CliError,
    exit::Exit,
    output::Output,
    render::sensors::{Scale, alarms, is_empty, sensor_page},
};

/// How to show sensors, as typed.
#[derive(Debug, Args)]
#[command(after_help = "\
LIMITS  those that the sensor has itself; values that stand for \"not set\" are left out (JSON has all)
STATE   a limit that is reached, or why there is no value; in a pipe no line is cut
Names are the labels of drivers, else the names of the files: temp1, fan2. What NVIDIA's cards do is known
only where their library (libnvidia-ml.so.1) is installed beside the agent.")]
pub(crate) struct SensorsArgs {
    /// Temperatures in degrees Fahrenheit; JSON has Celsius always
    #[arg(short, long)]
    fahrenheit: bool,
}

/// Shows temperatures, fans, voltages and what else the host measures.
pub(crate) async fn run(args: &SensorsArgs, connection: &Connection, out: &mut Output) -> Result<Exit, CliError> {
    let system = one_host::read(["sensors", "gpus"], None, connection).await?;
    if !out.is_for_people() {
        out.write_value(&json::to_json(&system))?;
    } else if is_empty(&system) {
        writeln!(out.answer, "no sensors: virtual machines and containers seldom have any")?;
    } else {
        let scale = if args.fahrenheit { Scale::Fahrenheit } else { Scale::Celsius };
        sensor_page(&system, scale).write(&mut out.answer, out.width)?;
        match alarms(&system) {
            0 => {}
            1 => out.note("1 sensor is beyond its limits")?,
            number => out.note(&format!("{number} sensors are beyond their limits"))?,
        }
    }
    one_host::note_unreadable(&system, "sensors", connection, out)?;
    one_host::note_unreadable(&system, "gpus", connection, out)?;
    Ok(Exit::Success)
}
