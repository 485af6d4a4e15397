//! ListSockets: the table is read once, on the host pool, and kept compact until its last chunk is encoded.

mod chunk;
mod query;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use bytes::Bytes;
use procwire_host::{
    Host, HostError,
    sockets::{SocketQuery, SocketTable},
};
use procwire_proto::v1::{ListSocketsHeader, ListSocketsSummary, SampleTime, Socket};

use self::chunk::Chunk;
pub(super) use self::query::SocketsQuery;
use crate::{
    host_pool::{HostPool, Lane},
    services::{encoded::Encoded, outgoing, stop_on_drop::StopOnDrop},
    shares::Place,
    status::Failure,
};

/// A list on its way to one caller.
pub(super) struct SocketList {
    host: Arc<Host>,
    pool: Arc<HostPool>,
    limit: usize,
    progress: Progress,
    _opened: Place,
}

/// Where a list stands.
#[derive(Clone)]
enum Progress {
    Unread(SocketQuery),
    Read(Arc<Reading>, usize),
}

/// The table, and what is said of it at the end.
struct Reading {
    table: SocketTable,
    sampled: SampleTime,
    read_ns: u64,
}

/// One message, ready to be sent.
struct Piece {
    message: Bytes,
    /// The row that the next message begins with; `None`: this was the last.
    next: Option<usize>,
}

impl SocketList {
    pub(super) fn open(opened: Place, host: Arc<Host>, pool: Arc<HostPool>, query: SocketsQuery) -> Self {
        let SocketsQuery { query, limit } = query;
        Self { host, pool, limit, progress: Progress::Unread(query), _opened: opened }
    }

    async fn next_piece(&mut self) -> Result<Piece, Failure> {
        let stop = StopOnDrop::default();
        let (host, limit, progress) = (Arc::clone(&self.host), self.limit, self.progress.clone());
        let job = {
            let stop = stop.flag();
            move || -> Result<(Arc<Reading>, Piece), HostError> {
                let (reading, next) = match progress {
                    Progress::Unread(query) => (Arc::new(Reading::take(&host, &query, limit, &stop)?), 0),
                    Progress::Read(reading, next) => (reading, next),
                };
                let piece = reading.piece(next);
                Ok((reading, piece))
            }
        };
        let (reading, piece) = self.pool.run(Lane::Heavy, job).await??;
        if let Some(next) = piece.next {
            self.progress = Progress::Read(reading, next);
        }
        Ok(piece)
    }
}

impl outgoing::Source for SocketList {
    async fn next(&mut self) -> Result<(Encoded, bool), Failure> {
        let Piece { message, next } = self.next_piece().await?;
        Ok((Encoded::whole(message), next.is_none()))
    }
}

impl Reading {
    fn take(host: &Host, query: &SocketQuery, limit: usize, stop: &AtomicBool) -> Result<Self, HostError> {
        let sampled = host.sample_time();
        let began = Instant::now();
        let mut table = SocketTable::read(host, query, stop)?;
        // A slow caller keeps what is left of it for long.
        table.truncate(limit);
        let read_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Ok(Self { table, sampled, read_ns })
    }

    /// The message that begins with this row.
    fn piece(&self, first: usize) -> Piece {
        let rows = self.table.len();
        let mut chunk = Chunk::for_rows(rows.saturating_sub(first));
        if first == 0 {
            chunk.open(ListSocketsHeader { sampled: Some(self.sampled.clone()) });
        }
        let mut socket = Socket::default();
        for row in first..rows {
            if self.table.write(row, &mut socket) && !chunk.push(&socket) {
                return Piece { message: chunk.into_bytes(), next: Some(row) };
            }
        }
        chunk.close(self.summary(rows));
        Piece { message: chunk.into_bytes(), next: None }
    }

    fn summary(&self, rows: usize) -> ListSocketsSummary {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let table = &self.table;
        ListSocketsSummary {
            returned: count(rows),
            unreadable_processes: table.unreadable_processes(),
            errors: table.errors().to_vec(),
            read_ns: self.read_ns,
            filtered: count(table.filtered()),
            network_namespaces: count(table.network_namespaces()),
            from_text_tables: table.is_from_text(),
        }
    }
}

#[cfg(test)]
mod tests;
