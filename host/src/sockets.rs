//! Sockets: the kernel's tables by netlink (`sock_diag(7)`), or the text tables below `/proc/PID/net` where netlink is refused, in
//! every network namespace that can be reached; and the processes that hold them.
//!
//! One reading is three things that know nothing of each other, and run side by side: the tables (`tables`, `netlink`, `text`), the
//! walk over descriptors (`holders`), and what joins them (`reading`). A filter is compiled once (`filter`): what the kernel can leave
//! out is never read.

mod collect;
mod filter;
mod holders;
mod kept;
mod namespaces;
mod netlink;
mod peers;
mod port_owners;
mod reading;
mod row;
mod tables;
mod text;
mod wire;

pub(crate) use kept::KeptTables;

pub use filter::{InvalidPredicate, SocketFilter};
pub use port_owners::PortOwners;
pub use reading::{SocketQuery, SocketSource, SocketTable};
