//! A connection whose first bytes were read already and are read once more.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives `first` before what comes from the connection.
#[derive(Debug)]
pub(crate) struct Replay<T> {
    first: Bytes,
    inner: T,
}

impl<T> Replay<T> {
    pub(super) fn new(first: Bytes, inner: T) -> Replay<T> {
        Replay { first, inner }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Replay<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        let length = self.first.len().min(buffer.remaining());
        buffer.put_slice(self.first.get(..length).unwrap_or_default());
        self.first.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Replay<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn the_first_bytes_come_first_however_small_the_buffer() {
        let inner = tokio::io::join(b" and the rest".as_slice(), tokio::io::sink());
        let mut replay = Replay::new(Bytes::from_static(b"the start"), inner);
        let mut start = [0; 3];
        replay.read_exact(&mut start).await.unwrap();
        let mut rest = String::new();
        replay.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&start, rest.as_str()), (b"the", " start and the rest"));
    }
}
