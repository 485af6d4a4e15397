//! One stream of WatchSystem: header, samples, heartbeats in between, losses, goodbye.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use procwire_host::Host;
use procwire_proto::v1::{
    Goodbye, GoodbyeReason, Heartbeat, StreamHeader, WatchSystemResponse, watch_system_response::Event,
};
use prost::Message as _;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_stream::{
    Stream,
    wrappers::{BroadcastStream, errors::BroadcastStreamRecvError},
};
use tonic::Status;

use super::{admission::Admitted, query::WatchSpec};
use crate::{
    context::Context,
    counters::Counters,
    sampler::{Losses, Subscription, SubscriptionGuard},
    services::{encoded::Encoded, request::wire_duration},
    shutdown::{Ending, Shutdown},
    status::RETRY_AFTER_SHUTDOWN,
};

/// Messages of one stream. Only what the caller takes is made; what it does not take in time is lost and counted.
pub(crate) struct WatchStream {
    host: Arc<Host>,
    counters: Arc<Counters>,
    header: Option<StreamHeader>,
    latest: Option<Bytes>,
    samples: BroadcastStream<Bytes>,
    losses: Losses,
    seq: u64,
    alarm: Pin<Box<Sleep>>,
    heartbeat_due: Instant,
    heartbeat_interval: Duration,
    ending: Pin<Box<dyn Future<Output = Ending> + Send>>,
    is_over: bool,
    _sampler: SubscriptionGuard,
    _admitted: Admitted,
}

impl WatchStream {
    pub(super) fn new(
        context: &Context,
        spec: WatchSpec,
        subscription: Subscription,
        admitted: Admitted,
        shutdown: &Shutdown,
        heartbeat_interval: Duration,
    ) -> Self {
        let Subscription { samples, latest, guard } = subscription;
        let stream_id = format!("system-{}", admitted.number());
        tracing::debug!(stream_id, principal = admitted.caller(), interval = ?spec.interval, "stream opened");
        let header = StreamHeader {
            stream_id,
            effective_mask: Some(spec.fields.to_mask()),
            interval: Some(wire_duration(spec.interval)),
            opened: Some(context.host.sample_time()),
            resumed: false,
        };
        let heartbeat_due = Instant::now() + heartbeat_interval;
        let shutdown = shutdown.clone();
        Self {
            host: Arc::clone(&context.host),
            counters: Arc::clone(&context.counters),
            header: Some(header),
            latest,
            samples: BroadcastStream::new(samples),
            losses: Losses::default(),
            seq: 0,
            alarm: Box::pin(sleep_until(heartbeat_due)),
            heartbeat_due,
            heartbeat_interval,
            ending: Box::pin(async move { shutdown.signalled().await }),
            is_over: false,
            _sampler: guard,
            _admitted: admitted,
        }
    }

    /// What to say now, if anything.
    fn poll_message(&mut self, task: &mut TaskContext<'_>) -> Poll<Bytes> {
        if let Some(header) = self.header.take() {
            return Poll::Ready(encode(Event::Header(header)));
        }
        if let Poll::Ready(ending) = self.ending.as_mut().poll(task) {
            self.is_over = true;
            return Poll::Ready(encode(Event::Goodbye(goodbye(ending))));
        }
        if let Some(latest) = self.latest.take() {
            return Poll::Ready(latest);
        }
        loop {
            let now = Instant::now();
            if let Some(loss) = self.losses.take(now) {
                return Poll::Ready(encode(Event::Loss(loss)));
            }
            match Pin::new(&mut self.samples).poll_next(task) {
                Poll::Ready(Some(Ok(sample))) => return Poll::Ready(sample),
                Poll::Ready(Some(Err(BroadcastStreamRecvError::Lagged(count)))) => self.count_lost(count),
                Poll::Ready(None) => {
                    self.is_over = true;
                    let retry_after = Some(wire_duration(RETRY_AFTER_SHUTDOWN));
                    let reason = GoodbyeReason::SamplerFailed.into();
                    return Poll::Ready(encode(Event::Goodbye(Goodbye { reason, retry_after, ..Default::default() })));
                }
                Poll::Pending if now >= self.heartbeat_due => {
                    let time = Some(self.host.sample_time());
                    return Poll::Ready(encode(Event::Heartbeat(Heartbeat { time, resume_token: Vec::new() })));
                }
                Poll::Pending => match self.wait_for_alarm(task, now) {
                    Poll::Ready(()) => {}
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }

    /// Lost messages keep their place in the sequence.
    fn count_lost(&mut self, count: u64) {
        self.counters.messages_lost.add(count);
        self.losses.add(self.seq + 1, self.seq + count);
        self.seq += count;
    }

    /// Wakes the stream when the next heartbeat or word of a loss is due.
    fn wait_for_alarm(&mut self, task: &mut TaskContext<'_>, now: Instant) -> Poll<()> {
        let due = self.losses.due(now).map_or(self.heartbeat_due, |loss_due| loss_due.min(self.heartbeat_due));
        if self.alarm.deadline() != due {
            self.alarm.as_mut().reset(due);
        }
        self.alarm.as_mut().poll(task)
    }
}

impl Stream for WatchStream {
    type Item = Result<Encoded, Status>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        self.poll_message(task).map(|fields| {
            self.seq += 1;
            self.heartbeat_due = Instant::now() + self.heartbeat_interval;
            Some(Ok(Encoded::numbered(self.seq, fields)))
        })
    }
}

fn goodbye(ending: Ending) -> Goodbye {
    let (reason, retry_after) = match ending {
        Ending::Agent => (GoodbyeReason::ShuttingDown, RETRY_AFTER_SHUTDOWN),
        Ending::ConnectionAge => (GoodbyeReason::ConnectionAge, Duration::ZERO),
    };
    Goodbye { reason: reason.into(), retry_after: Some(wire_duration(retry_after)), resume_token: Vec::new() }
}

fn encode(event: Event) -> Bytes {
    WatchSystemResponse { seq: 0, event: Some(event) }.encode_to_vec().into()
}
