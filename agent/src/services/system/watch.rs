//! One stream of WatchSystem: header, samples, heartbeats in between, losses, goodbye.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use procwire_host::Host;
use procwire_proto::v1::{
    Goodbye, GoodbyeReason, Heartbeat, StreamHeader, WatchSystemResponse, watch_system_response::Event,
};
use prost::Message as _;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep_until},
};

use super::{admission::Admitted, query::WatchSpec};
use crate::{
    context::Context,
    counters::Counters,
    sampler::{Losses, Subscription, SubscriptionGuard},
    services::{encoded::Encoded, outgoing::Source, request::wire_duration},
    shutdown::{Ending, Shutdown},
    status::{Failure, RETRY_AFTER_SHUTDOWN},
};

/// Makes the messages of one stream. What the caller does not take in time is lost and counted.
pub(crate) struct Watch {
    host: Arc<Host>,
    counters: Arc<Counters>,
    header: Option<StreamHeader>,
    latest: Option<Bytes>,
    samples: Receiver<Bytes>,
    losses: Losses,
    seq: u64,
    heartbeat_due: Instant,
    heartbeat_interval: Duration,
    shutdown: Shutdown,
    /// The caller's certificate does not count any more, and it was told so.
    is_revoked: bool,
    _sampler: SubscriptionGuard,
    _admitted: Admitted,
}

/// Something to say: all fields of the message but `seq`.
enum Word {
    More(Bytes),
    Last(Bytes),
}

impl Watch {
    pub(super) fn new(
        context: &Context,
        spec: WatchSpec,
        subscription: Subscription,
        admitted: Admitted,
        shutdown: Shutdown,
    ) -> Self {
        let Subscription { samples, latest, guard } = subscription;
        let stream_id = format!("system-{}", admitted.number());
        tracing::debug!(stream_id, principal = admitted.caller(), interval = ?spec.interval, "stream opened");
        let heartbeat_interval = context.config.limits.heartbeat_interval;
        let header = StreamHeader {
            stream_id,
            effective_mask: Some(spec.fields.to_mask()),
            interval: Some(wire_duration(spec.interval)),
            opened: Some(context.host.sample_time()),
            resumed: false,
            resume_token: Vec::new(),
            heartbeat_interval: Some(wire_duration(heartbeat_interval)),
        };
        Self {
            host: Arc::clone(&context.host),
            counters: Arc::clone(&context.counters),
            header: Some(header),
            latest,
            samples,
            losses: Losses::default(),
            seq: 0,
            heartbeat_due: Instant::now() + heartbeat_interval,
            heartbeat_interval,
            shutdown,
            is_revoked: false,
            _sampler: guard,
            _admitted: admitted,
        }
    }

    async fn next_word(&mut self) -> Word {
        if let Some(header) = self.header.take() {
            return Word::More(encode(Event::Header(header)));
        }
        if let Some(latest) = self.latest.take() {
            return Word::More(latest);
        }
        loop {
            let now = Instant::now();
            if let Some(loss) = self.losses.take(now) {
                return Word::More(encode(Event::Loss(loss)));
            }
            let loss_due = self.losses.due(now);
            tokio::select! {
                biased;
                ending = self.shutdown.signalled() => {
                    self.is_revoked = ending == Ending::AccessRevoked;
                    let goodbye = goodbye(ending);
                    // After this goodbye comes the status that says why.
                    return if self.is_revoked { Word::More(goodbye) } else { Word::Last(goodbye) };
                }
                sample = self.samples.recv() => match sample {
                    Ok(sample) => return Word::More(sample),
                    Err(RecvError::Lagged(count)) => self.count_lost(count),
                    Err(RecvError::Closed) => return Word::Last(sampler_failed()),
                },
                () = sleep_until(loss_due.unwrap_or(now)), if loss_due.is_some() => {}
                () = sleep_until(self.heartbeat_due) => {
                    let time = Some(self.host.sample_time());
                    return Word::More(encode(Event::Heartbeat(Heartbeat { time, resume_token: Vec::new() })));
                }
            }
        }
    }

    /// Lost messages keep their place in the sequence.
    fn count_lost(&mut self, count: u64) {
        self.counters.messages_lost.add(count);
        self.losses.add(self.seq + 1, self.seq + count);
        self.seq += count;
    }
}

impl Source for Watch {
    async fn next(&mut self) -> Result<(Encoded, bool), Failure> {
        if self.is_revoked {
            return Err(Failure::certificate_revoked());
        }
        let (fields, is_last) = match self.next_word().await {
            Word::More(fields) => (fields, false),
            Word::Last(fields) => (fields, true),
        };
        self.seq += 1;
        self.heartbeat_due = Instant::now() + self.heartbeat_interval;
        Ok((Encoded::numbered(self.seq, fields), is_last))
    }
}

fn goodbye(ending: Ending) -> Bytes {
    let (reason, retry_after) = match ending {
        Ending::Agent => (GoodbyeReason::ShuttingDown, RETRY_AFTER_SHUTDOWN),
        Ending::ConnectionAge => (GoodbyeReason::ConnectionAge, Duration::ZERO),
        Ending::AccessRevoked => (GoodbyeReason::AccessRevoked, Duration::ZERO),
    };
    last_words(reason, retry_after)
}

fn sampler_failed() -> Bytes {
    last_words(GoodbyeReason::SamplerFailed, RETRY_AFTER_SHUTDOWN)
}

fn last_words(reason: GoodbyeReason, retry_after: Duration) -> Bytes {
    let retry_after = Some(wire_duration(retry_after));
    encode(Event::Goodbye(Goodbye { reason: reason.into(), retry_after, resume_token: Vec::new() }))
}

fn encode(event: Event) -> Bytes {
    WatchSystemResponse { seq: 0, event: Some(event) }.encode_to_vec().into()
}
