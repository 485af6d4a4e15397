//! Asking the machine's name services (NSS: LDAP, SSSD, ...) for a user.

use std::{ffi::CStr, mem::MaybeUninit, ptr};

/// Longest entry that is accepted; glibc suggests 1 KiB, directories with long fields need more.
const LONGEST_ENTRY: usize = 64 * 1024;

/// The name of a uid by `getpwuid_r(3)`; `None` if there is no such user or no service answers.
pub(crate) fn user_name(uid: u32) -> Option<Vec<u8>> {
    // A statically linked glibc cannot load the services, and crashes trying if the versions differ.
    if cfg!(target_feature = "crt-static") {
        return None;
    }
    let mut size = 1024;
    loop {
        let mut buffer = vec![0; size];
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = ptr::null_mut();
        // SAFETY: `entry` and `buffer` are valid for writes of the sizes given and live until after the last use of `found`;
        // `found` is a valid place for a pointer.
        let errno =
            unsafe { libc::getpwuid_r(uid, entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &raw mut found) };
        if errno == libc::ERANGE && size < LONGEST_ENTRY {
            size *= 4;
            continue;
        }
        if errno != 0 || found.is_null() {
            return None;
        }
        // SAFETY: `found` is not null, so it points to `entry`, which the call has filled.
        let name = unsafe { (*found).pw_name };
        if name.is_null() {
            return None;
        }
        // SAFETY: `pw_name` points to a NUL-terminated string inside `buffer`, which is still alive.
        return Some(unsafe { CStr::from_ptr(name) }.to_bytes().to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_name_and_a_strange_uid_has_none() {
        assert_eq!(user_name(0).as_deref(), Some(&b"root"[..]));
        assert_eq!(user_name(3_999_999_999), None);
    }
}
