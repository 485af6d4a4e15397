//! What a watch on a host reports.

use std::time::Duration;

use procwire_proto::v1::{Goodbye, Heartbeat, Loss, SampleTime, StreamHeader, System};

use crate::Error;

/// What a watch reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SystemEvent {
    /// A stream began: what the agent granted. First event, and again after each gap.
    Header(StreamHeader),
    /// A sample. The first of a stream has no rates unless the agent's sampler was already running.
    Sample {
        /// Strictly increasing within one stream, and on after a gap that was resumed; any other stream counts anew.
        seq: u64,
        /// The sample.
        system: Box<System>,
    },
    /// The agent is alive and had nothing to send.
    Heartbeat(Heartbeat),
    /// The agent had samples for this reader that it could not deliver: the reader was too slow.
    Loss(Loss),
    /// The agent ends the stream. Unless it was for good, the watch opens itself again.
    Goodbye(Goodbye),
    /// The connection broke, or could not be made again; the watch goes on trying.
    Interrupted(Interruption),
    /// The watch is back after an interruption or a goodbye; a header follows.
    Gap(Gap),
}

/// An interruption of a watch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Interruption {
    /// What happened.
    pub error: Error,
    /// The next attempt comes after this time.
    pub retry_in: Duration,
    /// Failures in a row, this one included.
    pub failures: u32,
}

/// What a watch may have missed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gap {
    /// `seq` of the last message of the stream before.
    pub last_seq: Option<u64>,
    /// When the last sample before the gap was taken, by the host's clocks.
    pub last_sample: Option<SampleTime>,
    /// How long there was no stream, by this side's clock.
    pub down_for: Duration,
    /// Attempts that failed meanwhile.
    pub failed_attempts: u32,
    /// True if the agent continues where the watch broke off, so that nothing is missing. False if the stream is a new
    /// one: samples between `last_sample` and the next one are lost for good. Agents of this version keep no history and
    /// give out no resume tokens, so with them it is always false.
    pub resumed: bool,
}
