//! The network side: an accept loop of its own, so that one bad peer never costs more than its own connection.
//!
//! accept -> TLS, preface and identity within a time limit (`admission`) -> HTTP/2 (`connection`) -> `stack`.

mod accept;
mod admission;
mod calls;
mod connection;
mod farewell;
mod handshakes;
mod principals;
mod refusal;
mod replay;
mod request_body;
mod routes;
mod stack;
mod standing;
mod tls;

pub(crate) use self::{
    accept::{Server, bind},
    admission::Admission,
    connection::{Peer, serve},
    refusal::RefusalLog,
    routes::Routes,
    stack::{Stack, stack},
};
pub use self::{
    refusal::Refusal,
    tls::{Certificates, TlsError, Unwelcome},
};
