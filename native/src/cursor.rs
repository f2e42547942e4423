//! A place in some bytes, which nothing gets past the end of.

#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Cursor { rest: text }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Pass these bytes, if they come next.
    pub fn skip(&mut self, text: &[u8]) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Pass these bytes, or give up.
    pub fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.skip(text).then_some(())
    }

    /// Take all bytes of a kind that come next; perhaps none.
    pub fn take(&mut self, is_of_kind: fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|&byte| !is_of_kind(byte));
        let (taken, rest) = self.rest.split_at(length.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Take at least one byte of a kind.
    pub fn some(&mut self, is_of_kind: fn(u8) -> bool) -> Option<&'a [u8]> {
        let taken = self.take(is_of_kind);
        (!taken.is_empty()).then_some(taken)
    }

    /// Take what stands between quotes, without escapes; the cursor is behind the first one.
    pub fn quoted(&mut self) -> Option<&'a [u8]> {
        let taken = self.take(|byte| byte != b'"' && byte != b'\\');
        self.expect(b"\"").map(|()| taken)
    }

    /// Take `:port`, if it is there, and give up if it is no port as nearly all write one.
    pub fn port(&mut self) -> Option<Option<u16>> {
        if !self.skip(b":") {
            return Some(None);
        }
        let digits = self.take(|byte| byte.is_ascii_digit());
        if digits.is_empty() || digits.len() > 5 || digits[0] == b'0' {
            return None;
        }
        u16::try_from(number(digits)?).ok().map(Some)
    }
}

/// Read a number of one to nine digits.
pub fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

pub fn is_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte)
}

pub fn is_host(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-'
}
