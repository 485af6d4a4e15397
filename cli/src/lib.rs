//! The library behind the command line tool `procwire`: arguments in, one call of the SDK, text out.

pub mod contexts;
pub mod pki;
pub mod private_file;
pub mod render;
