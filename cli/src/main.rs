//! The command line tool `procwire`; everything is in the library.

fn main() {}
