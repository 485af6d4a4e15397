//! The voice of the demonstration: numbered steps, 80 columns, no more words than needed.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Effects, Style};

use crate::{
    output::Output,
    render::{printable::printable, wrap::wrap},
};

const STEP: Style = AnsiColor::Cyan.on_default().effects(Effects::BOLD);
const COMMAND: Style = Style::new().effects(Effects::DIMMED);
const REFUSED: Style = AnsiColor::Yellow.on_default();

/// The demonstration is written for this width; wider terminals get a little more.
const WIDTHS: (u16, u16) = (80, 100);

/// Speaks.
pub(super) struct Narrator<'a> {
    /// Where to.
    pub(super) out: &'a mut Output,
    step: u32,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(out: &'a mut Output) -> Self {
        out.width = Some(out.width.unwrap_or(WIDTHS.0).min(WIDTHS.1));
        out.height = None;
        Self { out, step: 0 }
    }

    /// Begins a step, with the command that does the same.
    pub(super) fn step(&mut self, title: &str, command: Option<&str>) -> io::Result<()> {
        self.step += 1;
        writeln!(self.out.answer, "\n{STEP}{}. {title}{STEP:#}", self.step)?;
        if let Some(command) = command {
            writeln!(self.out.answer, "{COMMAND}$ {command}{COMMAND:#}")?;
        }
        writeln!(self.out.answer)?;
        self.out.answer.flush()
    }

    /// Says something below a step.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out.answer, "{text}")?;
        self.out.answer.flush()
    }

    /// Says how something was refused, as it should be.
    pub(super) fn refused(&mut self, who: &str, error: &procwire_client::Error) -> io::Result<()> {
        writeln!(self.out.answer, "{who}:")?;
        for line in wrap(&printable(&error.to_string()), 78) {
            writeln!(self.out.answer, "  {REFUSED}{line}{REFUSED:#}")?;
        }
        self.out.answer.flush()
    }

    pub(super) fn opening(&mut self) -> io::Result<()> {
        writeln!(self.out.answer, "procwire: processes and metrics of any host, over mutual TLS.")?;
        writeln!(self.out.answer, "All that follows is real and of this machine; nothing of it stays.")?;
        self.out.answer.flush()
    }

    /// How to do it without the demonstration.
    pub(super) fn for_real(&mut self) -> Result<(), crate::error::CliError> {
        let text = "
Now for real. Here, without an agent or certificates:

   procwire ps
   procwire system

Over the network: certificates, made once,

   procwire pki init --dir pki
   procwire pki issue agent web1 --dir pki --san DNS:web1.example.org
   procwire pki issue client alice --dir pki --role operator

an agent on each host, with its own certificate and the authority's (not its key),

   procwired --listen 0.0.0.0:7443 --tls-client-ca ca.crt \\
             --tls-certificate web1.crt --tls-key web1.key

and a name for it where you are:

   procwire context add web1 --endpoint https://web1.example.org:7443 \\
            --ca pki/ca.crt --cert pki/alice.crt --key pki/alice.key
   procwire ps
   procwire watch system --interval 5s -o ndjson
   procwire terminate 4242 --grace 30s --reason \"stuck since noon\"
";
        writeln!(self.out.answer, "{}", text.trim_end())?;
        Ok(self.out.answer.flush()?)
    }
}
