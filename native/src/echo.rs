//! What a response repeats of the request that it answers: the twin of `sip/echo.py`, which says what each part means.

use crate::cursor::{is_token, Cursor};
use crate::head::split_line;

/// The lines of a message that a response repeats, all that follows `Name: `.
#[derive(Default)]
struct Repeated<'a> {
    first: &'a [u8],
    via: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
}

impl<'a> Repeated<'a> {
    /// Read a head up to its empty line; `None` if there may be a second Via, or something is there twice.
    fn read(data: &'a [u8]) -> Option<Self> {
        let (first, mut rest) = split_line(data)?;
        let mut found = Repeated { first, ..Repeated::default() };
        loop {
            let (line, following) = split_line(rest)?;
            rest = following;
            let (place, name): (_, &[u8]) = match line.first() {
                None => return Some(found),
                Some(b' ' | b'\t') => return None, // more of the line before
                Some(b'V' | b'v') => (&mut found.via, b"Via: "),
                Some(b'F') if line.starts_with(b"From: ") => (&mut found.from, b"From: "),
                Some(b'C') if line.starts_with(b"Call-ID: ") => (&mut found.call_id, b"Call-ID: "),
                Some(b'C') if line.starts_with(b"CSeq: ") => (&mut found.cseq, b"CSeq: "),
                _ => continue,
            };
            match line.strip_prefix(name) {
                Some(value) if place.is_none() => *place = Some(value),
                _ => return None,
            }
        }
    }
}

/// The branch and the method of a 200 as nearly all are written.
pub fn usual_ok(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let found = Repeated::read(data)?;
    if !found.first.starts_with(b"SIP/2.0 200 ") {
        return None;
    }
    let (_, branch) = branch_of(found.via?)?;
    let mut cseq = Cursor::new(found.cseq?);
    cseq.some(|byte| byte.is_ascii_digit())?;
    cseq.expect(b" ")?;
    let method = cseq.some(|byte| byte.is_ascii_uppercase())?;
    cseq.is_at_end().then_some((branch, method))
}

/// Whether a response has these lines as they were sent with a request of ours, of its Via all up to the branch.
pub fn is_echo(response: &[u8], request: &[u8]) -> bool {
    echoes(response, request).is_some()
}

fn echoes(response: &[u8], request: &[u8]) -> Option<()> {
    let (said, sent) = (Repeated::read(response)?, Repeated::read(request)?);
    let (before, branch) = branch_of(sent.via?)?;
    let is_same = said.from? == sent.from? && said.call_id? == sent.call_id? && said.cseq? == sent.cseq?;
    (is_same && branch_of(said.via?)? == (before, branch)).then_some(())
}

/// Split a Via that is one alone at its branch.
fn branch_of(via: &[u8]) -> Option<(&[u8], &[u8])> {
    const NAME: &[u8] = b";branch=";
    let length = via.windows(NAME.len()).position(|part| part == NAME)? + NAME.len();
    let (before, rest) = via.split_at(length);
    let mut cursor = Cursor::new(rest);
    let branch = cursor.some(is_token)?;
    ((cursor.is_at_end() || cursor.skip(b";")) && !via.contains(&b',')).then_some((before, branch))
}
