//! The sockets that a process holds, as its own network namespace has them.

use procwire_proto::v1::FieldErrorReason;
use prost::Message as _;
use rustix::io::Errno;

use super::{access::Access, draft::Draft};

/// What an entry of a repeated field costs beside its bytes: a tag and a length.
const ENTRY_BYTES: usize = 6;

/// Reads it into the row. Where the main thread has exited, another thread is asked for what they share.
pub(super) fn read(access: &mut Access<'_>, draft: &mut Draft<'_>) -> Result<(), Errno> {
    let kept = draft.plan.kept_sockets();
    let mut sockets = kept.of_process(access.host, access.pid, access.thread, access.buffer)?;
    let fit = sockets.iter().take_while(|socket| draft.take_room(socket.encoded_len() + ENTRY_BYTES)).count();
    if fit < sockets.len() {
        let detail = format!("{fit} of {} sockets", sockets.len());
        sockets.truncate(fit);
        draft.absent("sockets", FieldErrorReason::Truncated, detail);
    }
    draft.process.sockets = sockets;
    Ok(())
}
