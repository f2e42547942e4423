//! A REGISTER as nearly all phones write it, read in one pass: the twin of `sip/usual_register.py`, which says what each
//! part means. `None` says "unusual": the parser in Python reads it then, and decides.

use crate::cursor::{is_host, is_token, is_user, number, Cursor};

const LONGEST: usize = 4_096;
const MOST_LINES: usize = 64;
const MOST_VIAS: usize = 8;

pub struct Answer<'a> {
    pub username: &'a [u8],
    pub realm: &'a [u8],
    pub nonce: &'a [u8],
    pub uri: &'a [u8],
    pub response: &'a [u8],
    pub algorithm: Option<&'a [u8]>,
    pub qop: Option<&'a [u8]>,
    pub nc: Option<&'a [u8]>,
    pub cnonce: Option<&'a [u8]>,
}

pub struct Register<'a> {
    pub uri: &'a [u8],
    pub uri_port: Option<u16>,
    pub own: Address<'a>,
    pub call_id: &'a [u8],
    pub cseq: u32,
    pub from_tag: &'a [u8],
    pub via: Via<'a>,
    pub reply_port: u16,
    pub alias_port: u16,
    pub answer: Option<Answer<'a>>,
    pub contact: Contact<'a>,
    pub expires: Option<u32>,
    pub user_agent: Option<&'a [u8]>,
    pub path: &'a [u8],
    pub supported: &'a [u8],
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
}

#[derive(PartialEq)]
pub struct Address<'a> {
    pub user: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
}

pub struct Via<'a> {
    protocol: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub branch: &'a [u8],
    rport_at: Option<usize>,
    is_alias: bool,
}

#[derive(Default)]
pub struct Contact<'a> {
    pub text: Vec<u8>,
    pub is_elsewhere: bool,
    pub expires: Option<u32>,
    pub q: Option<&'a [u8]>,
    pub instance: Option<&'a [u8]>,
    pub reg_id: Option<u32>,
}

/// The headers that are read, in the order of `NAMES`; all that follows the colon.
#[derive(Default)]
struct Headers<'a> {
    known: [Option<&'a [u8]>; NAMES.len()],
    vias: Vec<&'a [u8]>,
}

const NAMES: [&[u8]; 18] = [
    b"From",
    b"To",
    b"Call-ID",
    b"CSeq",
    b"Contact",
    b"Expires",
    b"Authorization",
    b"User-Agent",
    b"Path",
    b"Supported",
    b"Content-Length",
    b"Max-Forwards",
    b"Allow",
    b"Allow-Events",
    b"Accept",
    b"Accept-Encoding",
    b"Accept-Language",
    b"Route",
];
/// What means something as well, if only to the long way.
const OTHERS: [&[u8]; 4] = [b"Via", b"Require", b"Proxy-Require", b"Server"];

impl<'a> Headers<'a> {
    fn read(lines: &[&'a [u8]]) -> Option<Self> {
        let mut headers = Headers::default();
        for (index, line) in lines.iter().enumerate() {
            let mut cursor = Cursor::new(line);
            let name = cursor.some(is_token)?;
            cursor.expect(b":")?;
            if name == b"Via" {
                if headers.vias.len() == MOST_VIAS {
                    return None;
                }
                headers.vias.push(cursor.rest());
            } else if let Some(known) = NAMES.iter().position(|known| *known == name) {
                if headers.known[known].replace(cursor.rest()).is_some() {
                    return None;
                }
            } else if means_something(name) || is_repeated(name, &lines[..index]) {
                return None;
            }
        }
        Some(headers)
    }

    /// What a header says, if it is there: behind one blank, without any at its end.
    fn value(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        let index = NAMES.iter().position(|known| *known == name)?;
        let value = match self.known[index] {
            Some(raw) => raw.strip_prefix(b" ")?,
            None => return Some(None),
        };
        let is_blank = |byte: Option<&u8>| matches!(byte, None | Some(b' ' | b'\t'));
        (!is_blank(value.first()) && !is_blank(value.last())).then_some(Some(value))
    }
}

/// Whether an unusual spelling of a name that is read, or a short one.
fn means_something(name: &[u8]) -> bool {
    name.len() == 1 || NAMES.iter().chain(&OTHERS).any(|known| known.eq_ignore_ascii_case(name))
}

fn is_repeated(name: &[u8], earlier: &[&[u8]]) -> bool {
    earlier.iter().any(|line| line.strip_prefix(name).map_or(false, |rest| rest.first() == Some(&b':')))
}

/// Read a REGISTER that came from a host and a port, over a connection or not.
pub fn read<'a>(data: &'a [u8], host: &[u8], port: u16, is_reliable: bool) -> Option<Register<'a>> {
    if data.len() > LONGEST || host.contains(&b'%') {
        return None;
    }
    let lines = lines_of(data)?;
    let (start, lines) = lines.split_first()?;
    let (uri, uri_host, uri_port) = request_uri(start)?;
    let headers = Headers::read(lines)?;
    let (to, from) = (headers.known[1]?, headers.known[0]?);
    let (own, behind) = address(to)?;
    let (sender, tag) = address(from)?;
    let from_tag = tag.strip_prefix(b";tag=")?;
    let call_id = headers.value(b"Call-ID")??;
    let cseq = headers.value(b"CSeq")??.strip_suffix(b" REGISTER")?;
    if !behind.is_empty() || sender != own || uri_host != own.host || !is_all(from_tag, is_token) {
        return None;
    }
    if call_id.iter().any(|byte| matches!(byte, b' ' | b'\t'))
        || headers.value(b"Content-Length")?.unwrap_or(b"0") != b"0"
    {
        return None;
    }
    let top = *headers.vias.first()?;
    let via = top_via(top)?;
    let (reply_port, alias_port) = ports_of(&via, host, port, is_reliable)?;
    let contact = match headers.value(b"Contact")? {
        Some(value) => contact(value, host, port)?,
        None => Contact::default(),
    };
    let expires = match (contact.expires, headers.value(b"Expires")?) {
        (None, Some(text)) => Some(number(text)?),
        (expires, _) => expires,
    };
    let answer = match headers.value(b"Authorization")? {
        Some(value) => Some(credentials(value)?),
        None => None,
    };
    let mut head = Vec::with_capacity(512);
    note_source(&mut head, top, &via, host, port);
    for other in &headers.vias[1..] {
        push_all(&mut head, &[b"\r\nVia:", other]);
    }
    push_all(&mut head, &[b"\r\nFrom:", from, b"\r\nTo:", to, b";tag="]);
    let mut tail = Vec::with_capacity(128);
    push_all(&mut tail, &[b"\r\nCall-ID: ", call_id, b"\r\nCSeq: ", cseq, b" REGISTER\r\n"]);
    Some(Register {
        uri,
        uri_port,
        own,
        call_id,
        from_tag,
        via,
        reply_port,
        alias_port,
        answer,
        contact,
        expires,
        head,
        tail,
        cseq: number(cseq)?,
        user_agent: headers.value(b"User-Agent")?,
        path: headers.value(b"Path")?.unwrap_or(b""),
        supported: headers.value(b"Supported")?.unwrap_or(b""),
    })
}

/// Split a message without a body at its line ends; no other line breaks, nothing but ASCII, no NUL.
fn lines_of(data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut lines = Vec::with_capacity(24);
    let mut rest = data;
    loop {
        let length = rest.iter().position(|&byte| byte == b'\r' || byte == b'\n' || byte == 0 || byte > 126)?;
        let (line, end) = rest.split_at(length);
        rest = end.strip_prefix(b"\r\n")?;
        if line.is_empty() {
            return rest.is_empty().then_some(lines);
        }
        if lines.len() == MOST_LINES {
            return None;
        }
        lines.push(line);
    }
}

fn request_uri(start: &[u8]) -> Option<(&[u8], &[u8], Option<u16>)> {
    let uri = start.strip_prefix(b"REGISTER ")?.strip_suffix(b" SIP/2.0")?;
    let mut cursor = Cursor::new(uri);
    cursor.expect(b"sip:")?;
    let host = cursor.some(is_host)?;
    let port = cursor.port()?;
    if cursor.skip(b";transport=") {
        cursor.some(|byte| byte.is_ascii_alphabetic())?;
    }
    cursor.is_at_end().then_some((uri, host, port))
}

/// Read a From or To: its address, and what stands behind the angle bracket.
fn address(value: &[u8]) -> Option<(Address<'_>, &[u8])> {
    let mut cursor = Cursor::new(value);
    cursor.expect(b" ")?;
    if cursor.skip(b"\"") {
        cursor.quoted()?;
        cursor.skip(b" ");
    } else {
        cursor.take(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
    }
    cursor.expect(b"<sip:")?;
    let user = cursor.some(is_user)?;
    cursor.expect(b"@")?;
    let host = cursor.some(is_host)?;
    let port = cursor.port()?;
    cursor.expect(b">")?;
    Some((Address { user, host, port }, cursor.rest()))
}

fn top_via(value: &[u8]) -> Option<Via<'_>> {
    let mut cursor = Cursor::new(value);
    cursor.expect(b" SIP/2.0/")?;
    let protocol = cursor.some(|byte| byte.is_ascii_uppercase())?;
    cursor.expect(b" ")?;
    let host = cursor.some(is_host)?;
    let port = cursor.port()?;
    let mut rport_at = rport(&mut cursor, value);
    cursor.expect(b";branch=")?;
    let branch = cursor.some(is_token)?;
    if branch.strip_prefix(b"z9hG4bK")?.is_empty() {
        return None;
    }
    if let Some(at) = rport(&mut cursor, value) {
        if rport_at.replace(at).is_some() {
            return None;
        }
    }
    let is_alias = cursor.skip(b";alias");
    cursor.is_at_end().then_some(Via { protocol, host, port, branch, rport_at, is_alias })
}

/// Pass `;rport`, if it comes next, and say where it ends.
fn rport(cursor: &mut Cursor, value: &[u8]) -> Option<usize> {
    cursor.skip(b";rport").then(|| value.len() - cursor.rest().len())
}

/// Where responses go if that is not the port it came from (RFC 3261 §18.2.2), and what its connection is good for.
fn ports_of(via: &Via, host: &[u8], port: u16, is_reliable: bool) -> Option<(u16, u16)> {
    let usual = match via.protocol {
        b"UDP" | b"TCP" => 5060,
        b"TLS" => 5061,
        b"WS" => 80,
        b"WSS" => 443,
        _ => return None,
    };
    let used = via.port.unwrap_or(usual);
    if is_reliable {
        return Some((0, if via.is_alias && via.host == host { used } else { 0 }));
    }
    Some((if via.rport_at.is_none() && used != port { used } else { 0 }, 0))
}

/// Write the top Via with its source in it (RFC 3261 §18.2.1, RFC 3581 §4).
fn note_source(head: &mut Vec<u8>, top: &[u8], via: &Via, host: &[u8], port: u16) {
    let (before, behind) = top.split_at(via.rport_at.unwrap_or(top.len()));
    push_all(head, &[b"\r\nVia:", before]);
    if via.rport_at.is_some() {
        push_all(head, &[b"=", port.to_string().as_bytes(), behind]);
    }
    if via.rport_at.is_some() || via.host != host {
        push_all(head, &[b";received=", host]);
    }
}

/// Read one Contact in angle brackets, and keep its text but for its expiry.
fn contact<'a>(value: &'a [u8], host: &[u8], port: u16) -> Option<Contact<'a>> {
    let mut cursor = Cursor::new(value);
    cursor.expect(b"<sip:")?;
    let mut at_user = cursor;
    if !at_user.take(is_user).is_empty() && at_user.skip(b"@") {
        cursor = at_user;
    }
    let its_host = cursor.some(is_host)?;
    let its_port = cursor.port()?;
    let usual =
        if cursor.skip(b";transport=") { usual_port(cursor.some(|byte| byte.is_ascii_alphabetic())?) } else { 5060 };
    if cursor.skip(b";line=") {
        cursor.some(|byte| byte.is_ascii_alphanumeric())?;
    }
    cursor.skip(b";ob");
    cursor.expect(b">")?;
    let is_elsewhere = its_port.unwrap_or(usual) != port || !is_same_host(its_host, host)?;
    let mut contact = Contact { is_elsewhere, ..Contact::default() };
    push_all(&mut contact.text, &[&value[..value.len() - cursor.rest().len()]]);
    let mut names: Vec<&[u8]> = Vec::new();
    while !cursor.is_at_end() {
        let whole = cursor.rest();
        cursor.expect(b";")?;
        let name = cursor.some(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".+-".contains(&byte))?;
        let given = parameter(&mut cursor)?;
        if names.contains(&name) {
            return None;
        }
        names.push(name);
        match (name, given) {
            (b"expires", given) => {
                contact.expires = Some(number(plain(given)?)?);
                continue;
            }
            (b"q", given) => contact.q = Some(plain(given).filter(|text| is_preference(text))?),
            (b"+sip.instance", given) => contact.instance = Some(given.filter(|(_, is_quoted)| *is_quoted)?.0),
            (b"reg-id", given) => contact.reg_id = Some(number(plain(given)?)?),
            _ => (),
        }
        push_all(&mut contact.text, &[&whole[..whole.len() - cursor.rest().len()]]);
    }
    if contact.instance.is_none() {
        contact.reg_id = None;
    }
    Some(contact)
}

/// Read `=value`, if it is there, and say whether it is quoted.
fn parameter<'a>(cursor: &mut Cursor<'a>) -> Option<Option<(&'a [u8], bool)>> {
    if !cursor.skip(b"=") {
        return Some(None);
    }
    if cursor.skip(b"\"") {
        return cursor.quoted().map(|text| Some((text, true)));
    }
    cursor.some(is_token).map(|text| Some((text, false)))
}

fn plain(given: Option<(&[u8], bool)>) -> Option<&[u8]> {
    given.filter(|(_, is_quoted)| !is_quoted).map(|(text, _)| text)
}

fn is_preference(text: &[u8]) -> bool {
    match text {
        [b'0'] | [b'1'] => true,
        [b'0', b'.', digits @ ..] => digits.len() < 4 && is_digits(digits),
        [b'1', b'.', digits @ ..] => digits.len() < 4 && digits.iter().all(|digit| *digit == b'0'),
        _ => false,
    }
}

fn is_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

fn is_all(text: &[u8], is_of_kind: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_of_kind(byte))
}

fn usual_port(transport: &[u8]) -> u16 {
    match transport.to_ascii_lowercase().as_slice() {
        b"tls" => 5061,
        b"ws" => 80,
        b"wss" => 443,
        _ => 5060,
    }
}

/// Whether two hosts are one; unusual if the first may be an address that is written otherwise.
fn is_same_host(its_host: &[u8], host: &[u8]) -> Option<bool> {
    if its_host == host {
        return Some(true);
    }
    let is_name = its_host.iter().any(|byte| matches!(byte, b'g'..=b'w' | b'y' | b'z' | b'-'));
    let mut parts = its_host.split(|byte| *byte == b'.');
    let is_part = |part: &[u8]| is_digits(part) && matches!(part.len(), 1..=3) && (part.len() == 1 || part[0] != b'0');
    let is_address = parts.by_ref().take(4).filter(|part| is_part(part)).count() == 4 && parts.next().is_none();
    (is_name || is_address).then_some(false)
}

/// Read the credentials of a digest (RFC 7616 §3.4), with quality of protection `auth` or none.
fn credentials(value: &[u8]) -> Option<Answer<'_>> {
    const KNOWN: [&[u8]; 10] =
        [b"username", b"realm", b"nonce", b"uri", b"response", b"algorithm", b"qop", b"nc", b"cnonce", b"opaque"];
    let mut found: [Option<&[u8]>; KNOWN.len()] = [None; KNOWN.len()];
    let mut cursor = Cursor::new(value);
    cursor.expect(b"Digest ")?;
    cursor.take(|byte| byte == b' ');
    loop {
        let name = cursor.some(is_token)?;
        let index = KNOWN.iter().position(|known| *known == name)?;
        cursor.expect(b"=")?;
        let text =
            if cursor.skip(b"\"") { cursor.quoted()? } else { cursor.some(|byte| !b"\" \t,".contains(&byte))? };
        if found[index].replace(text).is_some() {
            return None;
        }
        if cursor.is_at_end() {
            break;
        }
        cursor.expect(b",")?;
        cursor.take(|byte| byte == b' ');
    }
    let [username, realm, nonce, uri, response, algorithm, qop, nc, cnonce, _] = found;
    let is_counted =
        nc.map_or(false, |text| text.len() == 8 && text.iter().all(u8::is_ascii_hexdigit)) && cnonce.is_some();
    if qop.map_or(false, |qop| qop != b"auth" || !is_counted) {
        return None;
    }
    Some(Answer {
        username: username?,
        realm: realm?,
        nonce: nonce?,
        uri: uri?,
        response: response?,
        algorithm,
        qop,
        nc,
        cnonce,
    })
}

fn push_all(to: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        to.extend_from_slice(part);
    }
}
