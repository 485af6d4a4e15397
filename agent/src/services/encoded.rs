//! Messages that are bytes before they reach tonic: encoded once by whoever made them, copied to as many streams as want them.

use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use prost::Message;
use tokio_stream::Stream;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// One encoded message: a part that many streams share, and the stream's own `seq` (field 1 of every Watch response).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// 0 for messages without `seq`, as proto3 has it.
    seq: u64,
    fields: Bytes,
}

impl Encoded {
    /// A message without `seq`.
    pub(crate) fn whole(fields: Bytes) -> Self {
        Self { seq: 0, fields }
    }

    /// A message of a Watch stream; `fields` are all its fields but `seq`.
    pub(crate) fn numbered(seq: u64, fields: Bytes) -> Self {
        Self { seq, fields }
    }

    /// The message as the generated code has it.
    pub(crate) fn decode<M: Message + Default>(&self) -> Result<M, prost::DecodeError> {
        let mut bytes = Vec::with_capacity(self.fields.len() + SEQ_MAX_BYTES);
        self.write(&mut bytes);
        M::decode(bytes.as_slice())
    }

    fn write(&self, buffer: &mut impl bytes::BufMut) {
        if self.seq != 0 {
            prost::encoding::uint64::encode(1, &self.seq, buffer);
        }
        buffer.put_slice(&self.fields);
    }
}

/// A tag and the longest varint.
const SEQ_MAX_BYTES: usize = 11;

/// Decodes requests as tonic's own codec does and passes encoded answers through.
#[derive(Debug)]
pub(crate) struct EncodedCodec<Request>(PhantomData<fn() -> Request>);

impl<Request> Default for EncodedCodec<Request> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Request: Message + Default + 'static> Codec for EncodedCodec<Request> {
    type Encode = Encoded;
    type Decode = Request;
    type Encoder = PassThrough;
    type Decoder = ProstDecoder<Request>;

    fn encoder(&mut self) -> PassThrough {
        PassThrough
    }

    fn decoder(&mut self) -> ProstDecoder<Request> {
        ProstDecoder(PhantomData)
    }
}

/// Writes what is encoded already.
#[derive(Debug)]
pub(crate) struct PassThrough;

impl Encoder for PassThrough {
    type Item = Encoded;
    type Error = Status;

    fn encode(&mut self, item: Encoded, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.fields.len() + SEQ_MAX_BYTES);
        item.write(buffer);
        Ok(())
    }
}

/// Reads a prost message.
#[derive(Debug)]
pub(crate) struct ProstDecoder<M>(PhantomData<fn() -> M>);

impl<M: Message + Default> Decoder for ProstDecoder<M> {
    type Item = M;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<M>, Status> {
        // The code that tonic's own codec uses, as grpc/doc/statuscodes.md demands.
        M::decode(buffer).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// A stream of encoded messages as the generated traits want it.
#[derive(Debug)]
pub(crate) struct Decoded<S, M> {
    encoded: S,
    message: PhantomData<fn() -> M>,
}

impl<S, M> Decoded<S, M> {
    pub(crate) fn new(encoded: S) -> Self {
        Self { encoded, message: PhantomData }
    }
}

impl<S, M> Stream for Decoded<S, M>
where
    S: Stream<Item = Result<Encoded, Status>> + Unpin,
    M: Message + Default,
{
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(Pin::new(&mut self.encoded).poll_next(task));
        Poll::Ready(message.map(|message| {
            message.and_then(|message| message.decode().map_err(|error| Status::internal(error.to_string())))
        }))
    }
}

/// The stream type of a method that is not served.
pub(crate) type Unserved<M> = tokio_stream::Empty<Result<M, Status>>;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::{Heartbeat, WatchSystemResponse, watch_system_response::Event};

    use super::*;

    #[test]
    fn seq_and_shared_fields_make_one_message() {
        let event = Some(Event::Heartbeat(Heartbeat { time: None, resume_token: vec![1, 2] }));
        let shared = Bytes::from(WatchSystemResponse { seq: 0, event: event.clone() }.encode_to_vec());
        for seq in [1, 300, u64::MAX] {
            let decoded: WatchSystemResponse = Encoded::numbered(seq, shared.clone()).decode().unwrap();
            assert_eq!(decoded, WatchSystemResponse { seq, event: event.clone() });
        }
        let whole: WatchSystemResponse = Encoded::whole(shared).decode().unwrap();
        assert_eq!(whole, WatchSystemResponse { seq: 0, event });
    }
}
