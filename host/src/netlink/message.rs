//! Messages and their attributes on bytes (include/uapi/linux/netlink.h): what is torn ends what is read.

/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;

/// A request with its header, in the byte order of this machine.
pub(crate) fn with_header(kind: u16, flags: u16, payload: &[u8], sequence: u32) -> Vec<u8> {
    let length = HEADER_BYTES + payload.len();
    let mut datagram = Vec::with_capacity(length);
    datagram.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    datagram.extend_from_slice(&kind.to_ne_bytes());
    datagram.extend_from_slice(&flags.to_ne_bytes());
    datagram.extend_from_slice(&sequence.to_ne_bytes());
    // The kernel fills in who we are.
    datagram.extend_from_slice(&0_u32.to_ne_bytes());
    datagram.extend_from_slice(payload);
    datagram
}

/// One message of a datagram.
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) payload: &'a [u8],
}

/// The messages of a datagram; ends at the first that is torn.
pub(crate) struct Messages<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::try_from(u32_at(self.0, 0)?).ok()?;
        let payload = self.0.get(HEADER_BYTES..length)?;
        let message =
            Message { kind: u16_at(self.0, 4)?, flags: u16_at(self.0, 6)?, sequence: u32_at(self.0, 8)?, payload };
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// The attributes behind the fixed part of a message: kind and value; ends at the first that is torn.
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16_at(self.0, 0)?);
        let value = self.0.get(4..length)?;
        let kind = u16_at(self.0, 2)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

pub(crate) fn i32_at(bytes: &[u8], offset: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?))
}

pub(crate) fn u16_be_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn torn_messages_end_the_datagram() {
        let whole = with_header(20, 0x301, b"12345", 7);
        let messages = |bytes: &[u8]| Messages(bytes).map(|message| message.payload.to_vec()).collect::<Vec<_>>();
        // The kernel pads a message to 4 bytes, but not the last one.
        let two = [whole.clone(), vec![0; 3], whole.clone()].concat();
        assert_eq!(messages(&two), [b"12345", b"12345"]);
        for length in 0..whole.len() {
            assert!(messages(whole.get(..length).unwrap()).is_empty());
        }
        assert!(messages(&[0; 64]).is_empty(), "a length of 0 is no message and no endless loop");
        assert_eq!(Attributes(&[0; 64]).count(), 0);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_walked_without_a_panic(bytes: Vec<u8>) {
            proptest::prop_assert!(Messages(&bytes).count() <= bytes.len());
            proptest::prop_assert!(Attributes(&bytes).count() <= bytes.len());
        }
    }
}
