//! The room in the filesystem of a path, as it is asked for.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use procwire_proto::v1::{GetDiskUsageRequest, GetDiskUsageResponse};

use crate::call::{Call, CallFuture, DEFAULT_TIMEOUT};
use crate::{Client, Error};

/// The room in the filesystem of a path, to be asked for; made by [`SystemCalls::disk_usage`](crate::SystemCalls::disk_usage).
///
/// ```no_run
/// # async fn example(client: procwire_client::Client) -> Result<(), procwire_client::Error> {
/// use std::time::Duration;
///
/// let response = client.system().disk_usage("/mnt/backup").timeout(Duration::from_secs(3)).await?;
/// println!("{:?}", response.usage.and_then(|usage| usage.used_ratio));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct GetDiskUsage {
    client: Client,
    request: GetDiskUsageRequest,
    timeout: Option<Duration>,
}

impl GetDiskUsage {
    pub(super) fn new(client: Client, path: &OsStr) -> Self {
        Self { client, request: GetDiskUsageRequest { path: path.as_bytes().to_vec() }, timeout: None }
    }

    /// The deadline. Default: 10 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }
}

impl IntoFuture for GetDiskUsage {
    type Output = Result<GetDiskUsageResponse, Error>;
    type IntoFuture = CallFuture<GetDiskUsageResponse>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, request, timeout } = self;
            let timeout = client.time_for(timeout, DEFAULT_TIMEOUT, Duration::ZERO);
            let call = Call::begin(&client, "get disk usage", timeout);
            let response = call
                .read(|| async { client.system_service().get_disk_usage(call.request(request.clone())).await })
                .await?;
            Ok(response.into_inner())
        })
    }
}
