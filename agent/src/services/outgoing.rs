//! Messages on their way to one caller, one waiting and one being made. Whoever makes them waits for room; a caller who takes nothing
//! for too long is cut off, and everything that was held for it is let go.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, Permit, Receiver, Sender},
    time::timeout,
};
use tokio_stream::Stream;
use tonic::Status;

use super::encoded::Encoded;
use crate::status::{Failure, HostName};

/// The answer of a streaming call. Dropping it ends the making of messages.
#[derive(Debug)]
pub(crate) struct Outgoing {
    messages: Receiver<Encoded>,
    /// Why there are no more messages, if the stream was cut short.
    failure: Arc<OnceLock<Failure>>,
    host_name: HostName,
    is_over: bool,
}

/// Makes the messages of one stream, one at a time.
pub(crate) trait Source: Send + 'static {
    /// The next message, and whether it is the last. Dropping the future loses nothing but this message.
    fn next(&mut self) -> impl Future<Output = Result<(Encoded, bool), Failure>> + Send;
}

impl Outgoing {
    /// Begins to make messages.
    pub(crate) fn new(source: impl Source, stall_limit: Duration, host_name: HostName) -> Self {
        let (sender, messages) = mpsc::channel(1);
        let failure = Arc::new(OnceLock::new());
        let cause = Arc::clone(&failure);
        tokio::spawn(async move {
            if let Err(error) = produce(source, &sender, stall_limit).await {
                // Set before the sender is dropped, so that the stream finds it at its end. Nobody else sets it.
                let _ = cause.set(error);
            }
        });
        Self { messages, failure, host_name, is_over: false }
    }

    /// True once the stream was cut short.
    #[cfg(test)]
    pub(crate) fn is_cut_short(&self) -> bool {
        self.failure.get().is_some()
    }
}

async fn produce(mut source: impl Source, messages: &Sender<Encoded>, stall_limit: Duration) -> Result<(), Failure> {
    loop {
        let Some(room) = room(messages, stall_limit).await? else { return Ok(()) };
        let (message, is_last) = tokio::select! {
            made = source.next() => made?,
            () = messages.closed() => return Ok(()),
        };
        room.send(message);
        if is_last {
            return Ok(());
        }
    }
}

/// Waits until the caller has taken the message before. `None`: the caller has hung up.
async fn room(messages: &Sender<Encoded>, stall_limit: Duration) -> Result<Option<Permit<'_, Encoded>>, Failure> {
    match timeout(stall_limit, messages.reserve()).await {
        Ok(permit) => Ok(permit.ok()),
        Err(_) => Err(Failure::client_too_slow(stall_limit)),
    }
}

impl Stream for Outgoing {
    type Item = Result<Encoded, Status>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let message = ready!(self.messages.poll_recv(task));
        Poll::Ready(match message {
            Some(message) => Some(Ok(message)),
            None => {
                self.is_over = true;
                self.failure.get().cloned().map(|failure| Err(failure.on(&self.host_name)))
            }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio_stream::StreamExt as _;
    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;

    /// Counts what it makes and whether it is there.
    struct Counting {
        made: Arc<AtomicU64>,
        last: u64,
    }

    impl Source for Counting {
        async fn next(&mut self) -> Result<(Encoded, bool), Failure> {
            let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
            Ok((Encoded::numbered(number, bytes::Bytes::new()), number == self.last))
        }
    }

    fn counting(last: u64, stall_limit: Duration) -> (Outgoing, Arc<AtomicU64>) {
        let made = Arc::<AtomicU64>::default();
        let source = Counting { made: Arc::clone(&made), last };
        (Outgoing::new(source, stall_limit, HostName::new(b"h")), made)
    }

    async fn until_dropped(made: &Arc<AtomicU64>) {
        while Arc::strong_count(made) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_message_is_made_ahead_and_the_last_ends_the_stream() {
        let (mut stream, made) = counting(3, Duration::from_secs(60));
        for taken in 1..=3 {
            stream.next().await.unwrap().unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(made.load(Ordering::Relaxed), (taken + 1).min(3));
        }
        assert!(stream.next().await.is_none());
        until_dropped(&made).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_takes_nothing_is_cut_off_and_what_was_held_is_let_go() {
        let (mut stream, made) = counting(u64::MAX, Duration::from_secs(60));
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(!stream.is_cut_short());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(stream.is_cut_short());
        until_dropped(&made).await;
        stream.next().await.unwrap().unwrap();
        let status = stream.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::DataLoss);
        assert_eq!(status.get_error_details().error_info().unwrap().reason, "CLIENT_TOO_SLOW");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_ends_the_making() {
        let (stream, made) = counting(u64::MAX, Duration::from_secs(60));
        drop(stream);
        until_dropped(&made).await;
    }
}
