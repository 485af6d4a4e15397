//! A byte stream that remembers how it ended.
//!
//! With TLS 1.3 a client has finished its handshake before the agent has looked at the client's certificate: a refusal
//! comes as an alert in place of the first answer. HTTP/2 hands I/O errors to every open stream as text only, so the alert
//! would be lost there. It is kept here, below HTTP/2, where it is still typed.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::{BoxedStream, ConfigError, rustls_error};

/// What became of one connection, as far as its byte stream tells.
#[derive(Debug, Default)]
pub(crate) struct ConnectionFate {
    failure: OnceLock<Arc<io::Error>>,
    heard: AtomicBool,
    /// Why it was opened with older files than there were.
    not_reloaded: Option<Arc<ConfigError>>,
}

impl ConnectionFate {
    pub(crate) fn new(not_reloaded: Option<Arc<ConfigError>>) -> Self {
        Self { not_reloaded, ..Self::default() }
    }

    /// Why it was opened with older files than there were, if it was.
    pub(crate) fn not_reloaded(&self) -> Option<Arc<ConfigError>> {
        self.not_reloaded.clone()
    }

    /// The I/O error that ended it.
    pub(crate) fn failure(&self) -> Option<Arc<io::Error>> {
        self.failure.get().cloned()
    }

    /// True if the other side ever sent anything: then it had accepted us.
    pub(crate) fn heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// Keeps the first error and gives back one that says the same.
    fn record(&self, error: io::Error) -> io::Error {
        let kept = self.failure.get_or_init(|| Arc::new(error));
        io::Error::new(kept.kind(), Arc::clone(kept))
    }
}

/// A byte stream whose fate is watched.
pub(crate) struct Watched {
    stream: BoxedStream,
    fate: Arc<ConnectionFate>,
    failing: Option<Failing>,
}

/// A write failed before the other side ever said anything. One that refuses us closes its end, and what we write then
/// fails before we have read why: the reason lies in the socket, or is just about to.
struct Failing {
    error: io::Error,
    give_up: Pin<Box<Sleep>>,
}

/// How long to look for the reason of a failed write. The end of the stream normally ends the search at once.
const SEARCH_TIME: Duration = Duration::from_secs(1);

impl Watched {
    pub(crate) fn new(stream: BoxedStream, fate: Arc<ConnectionFate>) -> Self {
        Self { stream, fate, failing: None }
    }

    fn settle_write<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(Err(error)) if !self.fate.heard() => {
                self.failing = Some(Failing { error, give_up: Box::pin(sleep(SEARCH_TIME)) });
                self.poll_failing(context).map(Err)
            }
            polled => polled.map_err(|error| self.fate.record(error)),
        }
    }

    /// Pending while the reason of a failed write may still come.
    fn poll_failing(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Some(failing) = &mut self.failing else { return Poll::Ready(io::ErrorKind::BrokenPipe.into()) };
        let mut scratch = [0; 1024];
        let reason = loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(Err(reason)) if rustls_error(&reason).is_some() => break Some(reason),
                Poll::Ready(_) => break None,
                Poll::Pending => {
                    ready!(failing.give_up.as_mut().poll(context));
                    break None;
                }
            }
        };
        let error = reason.unwrap_or_else(|| std::mem::replace(&mut failing.error, io::ErrorKind::BrokenPipe.into()));
        self.failing = None;
        Poll::Ready(self.fate.record(error))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.fate.heard.store(true, Ordering::Release);
        }
        polled.map_err(|error| self.fate.record(error))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.failing.is_some() {
            return self.poll_failing(context).map(Err);
        }
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.settle_write(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.failing.is_some() {
            return self.poll_failing(context).map(Err);
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.settle_write(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failing.is_some() {
            return self.poll_failing(context).map(Err);
        }
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.settle_write(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not a failure worth keeping: the connection is over either way.
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
