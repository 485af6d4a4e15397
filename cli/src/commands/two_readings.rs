//! The host at the beginning and at the end of a window: what no rate of the wire tells is the difference of the two.

use std::time::Duration;

use procwire_client::v1::System;

use super::one_host;
use crate::{connection::Connection, error::CliError};

/// Reads the counters of the host, and then these fields with rates over the window; without a window only the fields.
pub(super) async fn read(
    counters: &[&str],
    fields: &[&str],
    window: Option<Duration>,
    connection: &Connection,
) -> Result<(Option<System>, System), CliError> {
    let before = match window {
        Some(_) => Some(one_host::read(counters.iter().copied(), None, connection).await?),
        None => None,
    };
    let after = one_host::read(fields.iter().copied(), window, connection).await?;
    Ok((before, after))
}
