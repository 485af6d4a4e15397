//! GetDiskUsage: the room in the filesystem that holds a path.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use procwire_proto::v1::{GetDiskUsageRequest, GetDiskUsageResponse};
use tonic::Request;

use super::SystemService;
use crate::{host_pool::Lane, services::request, status::Failure};

/// The kernel takes no longer path, its NUL included (PATH_MAX).
const PATH_BYTES_MAX: usize = 4095;

impl SystemService {
    pub(super) async fn room(&self, request: Request<GetDiskUsageRequest>) -> Result<GetDiskUsageResponse, Failure> {
        request::caller(request.extensions())?;
        let path = parse(request.into_inner())?;
        let host = Arc::clone(&self.context.host);
        let look = move || {
            let sampled = host.sample_time();
            host.disk_usage(&path).map(|usage| GetDiskUsageResponse { usage: Some(usage), sampled: Some(sampled) })
        };
        Ok(self.pool.run(Lane::Slow, look).await??)
    }
}

/// A path that the kernel could be asked for.
fn parse(request: GetDiskUsageRequest) -> Result<PathBuf, Failure> {
    let GetDiskUsageRequest { path } = request;
    if path.is_empty() {
        return Err(Failure::invalid("path", "is missing"));
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(Failure::invalid("path", format!("is longer than {PATH_BYTES_MAX} bytes")));
    }
    if path.contains(&0) {
        return Err(Failure::invalid("path", "has a NUL byte; no path has"));
    }
    let path = Path::new(OsStr::from_bytes(&path)).to_path_buf();
    if path.is_relative() {
        return Err(Failure::invalid(
            "path",
            "is relative; it must begin with /, because the agent has no folder of yours",
        ));
    }
    // What it means depends on the links before it, and looking those up is what the host is careful about.
    if path.components().any(|component| component == Component::ParentDir) {
        return Err(Failure::invalid("path", "has a `..` in it; name the folder that it leads to"));
    }
    Ok(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use procwire_proto::v1::ErrorReason;

    use super::*;

    #[test]
    fn only_absolute_paths_are_asked_for() {
        let parse = |path: &[u8]| parse(GetDiskUsageRequest { path: path.to_vec() });
        assert_eq!(parse(b"/a/.../b\xff").unwrap(), Path::new(OsStr::from_bytes(b"/a/.../b\xff")));
        for odd in [&b""[..], b"a/b", b".", b"/a\0b", &[b'/'; 4096], b"/..", b"/proc/../hung/x", b"/a/.."] {
            let failure = parse(odd).unwrap_err();
            assert_eq!((failure.reason(), failure.field()), (ErrorReason::InvalidRequest, Some("path")));
        }
    }
}
