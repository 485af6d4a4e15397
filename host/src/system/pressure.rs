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
        let cpu = stalls(&mut self.cpu, buffer);
        if let Err(failure) = &cpu {
            // One answer for all of them where the kernel has none.
            if failure.reason == FieldErrorReason::Unsupported && !self.memory.path().exists() {
                let detail =
                    "built without it (CONFIG_PSI), or to be switched on with psi=1 on the kernel's command line";
                let detail = format!("{}: {detail}", failure.detail);
                return answer.failed(bit::PRESSURE, &Failure::unsupported(detail));
            }
        }
        let mut keep = |path: &str, stalls: Result<PressureResource, Failure>| {
            stalls.map_err(|Failure { reason, detail }| answer.report(path, reason, detail)).ok()
        };
        let pressure = Pressure {
            cpu: keep("pressure.cpu", cpu),
            memory: keep("pressure.memory", stalls(&mut self.memory, buffer)),
            io: keep("pressure.io", stalls(&mut self.io, buffer)),
            // Since kernel 6.1, and only where time in interrupts is counted (CONFIG_IRQ_TIME_ACCOUNTING).
            irq: keep("pressure.irq", stalls(&mut self.irq, buffer)),
        };
        answer.system.pressure = Some(pressure);
    }
}

fn stalls(file: &mut KeptFile, buffer: &mut ReadBuffer) -> Result<PressureResource, Failure> {
    let text = file.read_value(buffer)?;
    let stalls = pressure::parse(text);
    if stalls == PressureResource::default() { Err(Failure::invalid(file.path(), text)) } else { Ok(stalls) }
}

#[cfg(test)]
mod tests;
