//! The socket to a bus, of which no more is read than is asked for at a time: what a bus sends costs memory before it can be looked at.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use zbus::{
    connection::socket::{ReadHalf, Socket, Split, WriteHalf},
    export::async_trait::async_trait,
};

/// For one step of a list: 10,000 units are listed in 3 MiB, the properties of one are 10 to 20 KiB.
const STEP_BYTES: usize = 32 << 20;

/// For the beginning of a connection: some lines, and one message (the reference bus gives up at 16 KiB of lines).
const CONNECT_BYTES: usize = 64 << 10;

/// How much may still be read.
#[derive(Debug)]
pub(super) struct Budget(AtomicUsize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(CONNECT_BYTES))
    }

    /// For the next step.
    pub(super) fn renew(&self) {
        self.0.store(STEP_BYTES, Ordering::Relaxed);
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(bytes);
        let left = left
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the bus sends more than anybody asked for"))?;
        // One task reads.
        self.0.store(left, Ordering::Relaxed);
        Ok(())
    }
}

/// A stream with a budget.
#[derive(Debug)]
pub(super) struct Bounded {
    stream: UnixStream,
    budget: Arc<Budget>,
}

#[derive(Debug)]
pub(super) struct Reader {
    stream: OwnedReadHalf,
    budget: Arc<Budget>,
}

#[derive(Debug)]
pub(super) struct Writer(OwnedWriteHalf);

impl Bounded {
    pub(super) fn new(stream: UnixStream, budget: Arc<Budget>) -> Self {
        Self { stream, budget }
    }
}

impl Socket for Bounded {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let (stream, write) = self.stream.into_split();
        Split::new(Reader { stream, budget: self.budget }, Writer(write))
    }
}

#[async_trait]
impl ReadHalf for Reader {
    /// Descriptors are none of what is asked for.
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let count = self.stream.read(buffer).await?;
        self.budget.spend(count)?;
        Ok((count, Vec::new()))
    }
}

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.0.write(buffer).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_and_renewed() {
        let budget = Budget::new();
        budget.spend(CONNECT_BYTES).unwrap();
        assert_eq!(budget.spend(1).unwrap_err().kind(), io::ErrorKind::InvalidData);
        budget.renew();
        budget.spend(STEP_BYTES).unwrap();
        assert!(budget.spend(1).is_err());
    }
}
