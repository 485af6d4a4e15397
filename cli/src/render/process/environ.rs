//! The environment of a process.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use procwire_proto::{escape, v1::EnvironmentVariable};

const NAME: Style = AnsiColor::Cyan.on_default();

/// One line per variable, safe to print. What was withheld or masked is marked, because "***" might as well be the value.
pub(crate) fn write_text(out: &mut dyn Write, environ: &[EnvironmentVariable]) -> io::Result<()> {
    for EnvironmentVariable { name, value, redacted } in environ {
        let value = value.as_deref().map(escape::terminal).unwrap_or_default();
        let mark = match (value.is_empty(), redacted) {
            (_, false) => "",
            (true, true) => "(REDACTED)",
            (false, true) => " (REDACTED)",
        };
        writeln!(out, "{NAME}{}{NAME:#}={value}{mark}", escape::terminal(name))?;
    }
    Ok(())
}

/// The kernel's bytes, each variable ended by NUL. A value that was withheld or masked is not its value and is left out.
pub(crate) fn write_raw(out: &mut dyn Write, environ: &[EnvironmentVariable]) -> io::Result<()> {
    for variable in environ.iter().filter(|variable| !variable.redacted) {
        out.write_all(&variable.name)?;
        if let Some(value) = &variable.value {
            out.write_all(b"=")?;
            out.write_all(value)?;
        }
        out.write_all(b"\0")?;
    }
    out.flush()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn variable(name: &[u8], value: Option<&[u8]>, redacted: bool) -> EnvironmentVariable {
        EnvironmentVariable { name: name.to_vec(), value: value.map(<[u8]>::to_vec), redacted }
    }

    fn environ() -> Vec<EnvironmentVariable> {
        vec![
            variable(b"PATH", Some(b"/bin"), false),
            variable(b"EMPTY", Some(b""), false),
            variable(b"A\x1b[2J", Some(b"two\nlines\xff"), false),
            variable(b"TOKEN", None, true),
            variable(b"URL", Some(b"http://***@host"), true),
        ]
    }

    #[test]
    fn each_variable_has_one_harmless_line_in_the_order_of_the_process() {
        let mut out = Vec::new();
        write_text(&mut out, &environ()).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            ["PATH=/bin", "EMPTY=", r"A\x1b[2J=two\nlines\xff", "TOKEN=(REDACTED)", "URL=http://***@host (REDACTED)"]
        );
    }

    #[test]
    fn raw_bytes_are_those_of_the_process_and_nothing_made_up() {
        let mut out = Vec::new();
        write_raw(&mut out, &environ()).unwrap();
        assert_eq!(out, b"PATH=/bin\0EMPTY=\0A\x1b[2J=two\nlines\xff\0");
    }
}
