//! Libraries that are loaded while the agent runs, because they are there only where their hardware is.

use std::{
    ffi::{CStr, CString, c_void},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    ptr::NonNull,
};

/// A library that stays loaded until the process ends, so that what was found in it stays valid.
pub(super) struct SharedLibrary {
    handle: NonNull<c_void>,
}

impl SharedLibrary {
    /// Loads the library at this path, which is absolute: nothing is searched for where the environment says.
    ///
    /// # Safety
    /// Whatever the library does when it is loaded is done by this process. The caller vouches for the file.
    pub(super) unsafe fn open(path: &Path) -> Result<Self, String> {
        // A program that is linked statically has no loader.
        if cfg!(target_feature = "crt-static") {
            return Err("a statically linked agent cannot load libraries".to_owned());
        }
        if !path.is_absolute() {
            return Err(format!("{} is not absolute", path.display()));
        }
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: `name` is a valid C string; the caller vouches for what the file does.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_NODELETE) };
        NonNull::new(handle).map(|handle| Self { handle }).ok_or_else(last_error)
    }

    /// The address of a function; none if the library does not have it.
    pub(super) fn symbol(&self, name: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: the handle is one that dlopen(3) gave and that is never closed, the name a valid C string.
        NonNull::new(unsafe { libc::dlsym(self.handle.as_ptr(), name.as_ptr()) })
    }
}

fn last_error() -> String {
    // SAFETY: no precondition.
    let message = unsafe { libc::dlerror() };
    if message.is_null() {
        return "it cannot be loaded".to_owned();
    }
    // SAFETY: not null, so a C string that is valid until this thread's next call of the loader.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}
