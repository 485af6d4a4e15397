//! The answer of ListProcesses: pieces are read only when the caller has room for them, one ahead.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, Permit, Receiver, Sender},
    time::timeout,
};
use tokio_stream::Stream;
use tonic::Status;

use super::scan::{Piece, Scan};
use crate::{
    services::encoded::Encoded,
    status::{Failure, HostName},
};

/// Messages of one list. Dropping it ends the reading.
#[derive(Debug)]
pub(crate) struct ListStream {
    messages: Receiver<Encoded>,
    /// Why there are no more messages, if the list was cut short.
    failure: Arc<OnceLock<Failure>>,
    host_name: HostName,
    is_over: bool,
}

/// Begins to read. A caller who takes nothing for `stall_limit` is cut off and what was read for it is let go.
pub(crate) fn stream(scan: Scan, stall_limit: Duration, host_name: HostName) -> ListStream {
    // One message waits for the caller while the next is read: memory does not grow with the table.
    let (sender, messages) = mpsc::channel(1);
    let failure = Arc::new(OnceLock::new());
    let cause = Arc::clone(&failure);
    tokio::spawn(async move {
        if let Err(error) = produce(scan, &sender, stall_limit).await {
            // Set before the sender is dropped, so that the stream finds it at its end. Nobody else sets it.
            let _ = cause.set(error);
        }
    });
    ListStream { messages, failure, host_name, is_over: false }
}

async fn produce(mut scan: Scan, messages: &Sender<Encoded>, stall_limit: Duration) -> Result<(), Failure> {
    loop {
        let Some(room) = room(messages, stall_limit).await? else { return Ok(()) };
        let piece = tokio::select! {
            piece = scan.next_piece() => piece?,
            () = messages.closed() => return Ok(()),
        };
        let Piece { message, is_last } = piece;
        room.send(Encoded::whole(message));
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

#[cfg(test)]
impl ListStream {
    /// True once the caller was given up.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.failure.get().is_some()
    }
}

impl Stream for ListStream {
    type Item = Result<Encoded, Status>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
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
