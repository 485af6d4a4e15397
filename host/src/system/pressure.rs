//! Section `pressure`.

use procwire_proto::{
    system_fields::bit,
    v1::{FieldErrorReason, Pressure, PressureResource},
};

use super::{
    answer::{Answer, Failure},
    kept_file::{KeptFile, ReadBuffer},
    parse::pressure,
};
use crate::Host;

pub(super) struct PressureFiles {
    cpu: KeptFile,
    memory: KeptFile,
    io: KeptFile,
    irq: KeptFile,
}

impl PressureFiles {
    pub(super) fn new(host: &Host) -> Self {
        let file = |name: &str| KeptFile::new(host.roots().proc.join("pressure").join(name));
        Self { cpu: file("cpu"), memory: file("memory"), io: file("io"), irq: file("irq") }
    }

    pub(super) fn read(&mut self, _host: &Host, buffer: &mut ReadBuffer, answer: &mut Answer) {
        if !answer.wants(bit::PRESSURE) {
            return;
        }
        let (cpu, memory) = (stalls(&mut self.cpu, buffer), stalls(&mut self.memory, buffer));
        // One answer for all of them where the kernel has none: the files are not there or, before kernel 5.2, refuse to be read.
        if let (Err(failure), true) = (&cpu, is_unsupported(&cpu) && is_unsupported(&memory)) {
            let detail =
                "built without it (CONFIG_PSI), or switched off (psi=1 on the kernel's command line switches it on)";
            let detail = format!("{}: {detail}", failure.detail);
            return answer.failed(bit::PRESSURE, &Failure::unsupported(detail));
        }
        let mut keep = |path: &str, stalls: Result<PressureResource, Failure>| {
            stalls.map_err(|Failure { reason, detail }| answer.report(path, reason, detail)).ok()
        };
        let pressure = Pressure {
            cpu: keep("pressure.cpu", cpu),
            memory: keep("pressure.memory", memory),
            io: keep("pressure.io", stalls(&mut self.io, buffer)),
            // Since kernel 6.1, and only where time in interrupts is counted (CONFIG_IRQ_TIME_ACCOUNTING).
            irq: keep("pressure.irq", stalls(&mut self.irq, buffer)),
        };
        answer.system.pressure = Some(pressure);
    }
}

fn is_unsupported(stalls: &Result<PressureResource, Failure>) -> bool {
    stalls.as_ref().is_err_and(|failure| failure.reason == FieldErrorReason::Unsupported)
}

fn stalls(file: &mut KeptFile, buffer: &mut ReadBuffer) -> Result<PressureResource, Failure> {
    let text = file.read_value(buffer)?;
    let stalls = pressure::parse(text);
    if stalls == PressureResource::default() { Err(Failure::invalid(file.path(), text)) } else { Ok(stalls) }
}

#[cfg(test)]
mod tests;
