//! The head of any message as nearly all are written, taken apart in one pass: the twin of what `sip/parser.py:parse` does
//! first, which says what each part means. `None` says "unusual": the parser in Python reads it then, and decides.

use crate::cursor::{is_host, is_token, number, Cursor};
use std::str::from_utf8;

const LONGEST_HEAD: usize = 16_384;
const MOST_LINES: usize = 256;

/// What headers are known by (`sip/headers/names.py`); those up to `CONTENT_LENGTH` are there once at most.
pub const KEYS: [&[u8]; 40] = [
    b"from",
    b"to",
    b"call-id",
    b"cseq",
    b"max-forwards",
    b"content-length",
    b"via",
    b"contact",
    b"content-type",
    b"user-agent",
    b"server",
    b"allow",
    b"supported",
    b"require",
    b"route",
    b"record-route",
    b"expires",
    b"session-expires",
    b"min-se",
    b"authorization",
    b"proxy-authorization",
    b"accept",
    b"allow-events",
    b"event",
    b"reason",
    b"privacy",
    b"p-asserted-identity",
    b"rseq",
    b"rack",
    b"date",
    b"subject",
    b"refer-to",
    b"referred-by",
    b"content-encoding",
    b"accept-contact",
    b"reject-contact",
    b"request-disposition",
    b"identity",
    b"identity-info",
    b"subscription-state",
];
const FROM: usize = 0;
const TO: usize = 1;
const CALL_ID: usize = 2;
const CSEQ: usize = 3;
const CONTENT_LENGTH: usize = 5;
const VIA: usize = 6;

const COMPACT: [(u8, &[u8]); 20] = [
    (b'a', b"accept-contact"),
    (b'b', b"referred-by"),
    (b'c', b"content-type"),
    (b'd', b"request-disposition"),
    (b'e', b"content-encoding"),
    (b'f', b"from"),
    (b'i', b"call-id"),
    (b'j', b"reject-contact"),
    (b'k', b"supported"),
    (b'l', b"content-length"),
    (b'm', b"contact"),
    (b'n', b"identity-info"),
    (b'o', b"event"),
    (b'r', b"refer-to"),
    (b's', b"subject"),
    (b't', b"to"),
    (b'u', b"allow-events"),
    (b'v', b"via"),
    (b'x', b"session-expires"),
    (b'y', b"identity"),
];

pub enum Key {
    /// One of `KEYS`.
    Known(usize),
    /// Any other, in lower case.
    Other(Vec<u8>),
}

pub struct Line<'a> {
    pub text: &'a [u8],
    pub key: Key,
}

/// A Via without the name of the header.
pub struct Via<'a> {
    pub text: &'a [u8],
    pub transport: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub branch: &'a [u8],
    /// Whether `;rport` stands before the branch; else what stands behind it, if it does.
    pub rport_first: bool,
    pub rport: Option<Option<&'a [u8]>>,
    pub received: Option<&'a [u8]>,
}

/// A From or To: its address with the name, the URI in it, the tag.
pub struct Address<'a> {
    pub text: &'a [u8],
    pub uri: &'a [u8],
    pub tag: Option<&'a [u8]>,
}

pub struct Head<'a> {
    pub start_line: &'a [u8],
    pub lines: Vec<Line<'a>>,
    pub via: Via<'a>,
    pub from: Address<'a>,
    pub to: Address<'a>,
    pub call_id: &'a [u8],
    /// Where the body begins, and where it ends.
    pub body: (usize, usize),
}

impl<'a> Head<'a> {
    /// Take a message apart.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let within = &data[..data.len().min(LONGEST_HEAD)];
        let (start_line, mut rest) = split_line(within)?;
        let mut lines = Vec::with_capacity(24);
        let mut first: [Option<&[u8]>; VIA + 1] = [None; VIA + 1];
        loop {
            let (text, following) = split_line(rest)?;
            rest = following;
            if text.is_empty() {
                break;
            }
            if lines.len() == MOST_LINES {
                return None;
            }
            let mut cursor = Cursor::new(text);
            let key = key_of(cursor.some(is_token)?);
            cursor.expect(b":")?;
            if let Key::Known(index @ 0..=VIA) = key {
                if first[index].is_none() {
                    first[index] = Some(cursor.rest());
                } else if index != VIA {
                    return None;
                }
            }
            lines.push(Line { text, key });
        }
        let body = within.len() - rest.len();
        from_utf8(&data[..body]).ok()?;
        first[CSEQ]?;
        let call_id = stripped(first[CALL_ID]?);
        let length = match first[CONTENT_LENGTH] {
            Some(value) => Some(number(stripped(value))? as usize),
            None => None,
        };
        let until = length.map_or(data.len(), |length| body + length);
        if start_line.is_empty() || call_id.is_empty() || until > data.len() {
            return None;
        }
        Some(Head {
            start_line,
            lines,
            via: via(stripped_before(first[VIA]?))?,
            from: address(stripped_before(first[FROM]?))?,
            to: address(stripped_before(first[TO]?))?,
            call_id,
            body: (body, until),
        })
    }
}

/// Split the first line off; there is no other line break in it, and no NUL.
pub fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = text.iter().position(|&byte| byte == b'\r' || byte == b'\n' || byte == 0)?;
    let (line, end) = text.split_at(length);
    end.strip_prefix(b"\r\n").map(|rest| (line, rest))
}

fn key_of(name: &[u8]) -> Key {
    let full = match name {
        [letter] => COMPACT.iter().find(|(short, _)| *short == letter.to_ascii_lowercase()).map(|(_, full)| *full),
        _ => Some(name),
    };
    let known = full.and_then(|full| KEYS.iter().position(|known| known.eq_ignore_ascii_case(full)));
    known.map_or_else(|| Key::Other(name.to_ascii_lowercase()), Key::Known)
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn stripped_before(value: &[u8]) -> &[u8] {
    let mut cursor = Cursor::new(value);
    cursor.take(is_blank);
    cursor.rest()
}

fn stripped(value: &[u8]) -> &[u8] {
    let value = stripped_before(value);
    let length = value.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |last| last + 1);
    &value[..length]
}

fn via(text: &[u8]) -> Option<Via<'_>> {
    let mut cursor = Cursor::new(text);
    cursor.expect(b"SIP/2.0/")?;
    let transport = cursor.some(|byte| byte.is_ascii_uppercase())?;
    cursor.expect(b" ")?;
    let host = cursor.some(is_host)?;
    let port = cursor.port()?;
    let rport_first = cursor.skip(b";rport");
    cursor.expect(b";branch=")?;
    let branch = cursor.some(is_token)?;
    let mut rport = None;
    if cursor.skip(b";rport") {
        let is_filled_in = cursor.skip(b"=");
        let digits = cursor.take(|byte| byte.is_ascii_digit());
        if rport_first || is_filled_in == digits.is_empty() || digits.len() > 5 {
            return None;
        }
        rport = Some(if is_filled_in { Some(digits) } else { None });
    }
    let received = match cursor.skip(b";received=") {
        true => Some(cursor.some(|byte| byte.is_ascii_digit() || byte == b'.')?),
        false => None,
    };
    cursor.is_at_end().then_some(Via { text, transport, host, port, branch, rport_first, rport, received })
}

fn address(value: &[u8]) -> Option<Address<'_>> {
    let mut cursor = Cursor::new(value);
    if cursor.skip(b"\"") {
        cursor.quoted()?;
        cursor.take(is_blank);
    } else {
        cursor.take(|byte| byte != b'"' && byte != b'<');
    }
    cursor.expect(b"<")?;
    let uri = cursor.some(|byte| byte != b'<' && byte != b'>')?;
    cursor.expect(b">")?;
    let text = &value[..value.len() - cursor.rest().len()];
    let tag = match cursor.skip(b";tag=") {
        true => Some(cursor.some(is_token)?),
        false => None,
    };
    cursor.is_at_end().then_some(Address { text, uri, tag })
}
