//! Section `load`.

use procwire_proto::{
    system_fields::bit,
    v1::{FieldErrorReason, LoadAverage},
};

use super::{SystemReader, answer::Answer, parse::loadavg};

pub(super) fn read(reader: &mut SystemReader, answer: &mut Answer) {
    if !answer.wants(bit::LOAD) {
        return;
    }
    let load = match reader.loadavg.read_value(&mut reader.buffer) {
        Ok(text) => loadavg::parse(text),
        Err(error) => return answer.unreadable(bit::LOAD, &error),
    };
    if !is_whole(&load) {
        let detail = format!("{} does not read as five numbers", reader.loadavg.path().display());
        answer.absent(bit::LOAD, FieldErrorReason::InvalidData, &detail);
    }
    answer.system.load = Some(load);
}

fn is_whole(load: &LoadAverage) -> bool {
    let LoadAverage { one_minute, five_minutes, fifteen_minutes, runnable_threads, total_threads } = load;
    [one_minute, five_minutes, fifteen_minutes].iter().all(|average| average.is_some())
        && [runnable_threads, total_threads].iter().all(|count| count.is_some())
}
