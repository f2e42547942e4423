//! MD5 (RFC 1321) and keyed BLAKE2s (RFC 7693), as far as a digest and its nonce need them; and how a nonce is signed.

/// Bytes of a signature; it is written in hexadecimal digits, all of which but the last `WHOSE` say that it is ours.
const SIGNATURE: u8 = 13;
const STAMP: usize = 14;
const WHOSE: usize = 10;
const DIGITS: [u8; 16] = *b"0123456789abcdef";

const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// `floor(2^32 * abs(sin(step + 1)))`, RFC 1321 §3.4.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
];

/// The initial values of SHA-256, too (RFC 7693 §2.6).
#[rustfmt::skip]
const START: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// In which order the words of a block are used, round by round (RFC 7693 §2.7).
#[rustfmt::skip]
const ORDER: [[usize; 16]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];

/// Write a nonce: its stamp, that it is ours, and whose it is. None where something in it is long.
pub fn signed(key: &[u8], stamp: &[u8], mark: &[u8], holder: &[u8]) -> Option<Vec<u8>> {
    let held = blake2s(key, &[stamp, mark].concat(), SIGNATURE)?;
    let whose = blake2s(key, &[stamp, b" ", holder].concat(), SIGNATURE)?;
    let count = 2 * usize::from(SIGNATURE) - WHOSE;
    Some([stamp, &hexadecimal(&held)[..count], &hexadecimal(&whose)[..WHOSE]].concat())
}

/// Return whether a nonce has this mark, in a time that says nothing of how much of it is right.
pub fn is_nonce(key: &[u8], nonce: &[u8], mark: &[u8]) -> Option<bool> {
    let count = 2 * usize::from(SIGNATURE) - WHOSE;
    if nonce.len() != STAMP + count + WHOSE {
        return None;
    }
    let (stamp, rest) = nonce.split_at(STAMP);
    let held = hexadecimal(&blake2s(key, &[stamp, mark].concat(), SIGNATURE)?);
    let differences = rest[..count].iter().zip(&held).fold(0, |found, (one, other)| found | (one ^ other));
    Some(differences == 0)
}

pub fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    text
}

/// Hash the parts one behind the other with MD5.
pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut text: Vec<u8> = Vec::with_capacity(320);
    for part in parts {
        text.extend_from_slice(part);
    }
    let bits = (text.len() as u64).wrapping_mul(8);
    text.push(0x80);
    text.resize((text.len() + 8 + 63) / 64 * 64 - 8, 0);
    text.extend_from_slice(&bits.to_le_bytes());
    let mut state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
    for block in text.chunks_exact(64) {
        md5_block(&mut state, &words(block));
    }
    let mut found = [0; 16];
    for (bytes, word) in found.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    found
}

fn md5_block(state: &mut [u32; 4], words: &[u32; 16]) {
    let mut mixed = *state;
    md5_round(&mut mixed, words, 0, |step| step, |b, c, d| (b & c) | (!b & d));
    md5_round(&mut mixed, words, 1, |step| 5 * step + 1, |b, c, d| (d & b) | (!d & c));
    md5_round(&mut mixed, words, 2, |step| 3 * step + 5, |b, c, d| b ^ c ^ d);
    md5_round(&mut mixed, words, 3, |step| 7 * step, |b, c, d| c ^ (b | !d));
    for (word, more) in state.iter_mut().zip(mixed) {
        *word = word.wrapping_add(more);
    }
}

#[inline(always)]
fn md5_round(
    state: &mut [u32; 4],
    words: &[u32; 16],
    number: usize,
    word_of: impl Fn(usize) -> usize,
    mix: impl Fn(u32, u32, u32) -> u32,
) {
    let [mut a, mut b, mut c, mut d] = *state;
    for step in 0..16 {
        let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(SINES[16 * number + step]);
        let sum = sum.wrapping_add(words[word_of(step) % 16]).rotate_left(SHIFTS[number][step % 4]);
        (a, d, c, b) = (d, c, b, b.wrapping_add(sum));
    }
    *state = [a, b, c, d];
}

/// Hash a text of up to 64 bytes with keyed BLAKE2s; `None` where it is longer, or the key longer than 32.
pub fn blake2s(key: &[u8], text: &[u8], length: u8) -> Option<[u8; 32]> {
    if key.is_empty() || key.len() > 32 || text.is_empty() || text.len() > 64 {
        return None;
    }
    let mut state = START;
    state[0] ^= 0x0101_0000 ^ (key.len() as u32) << 8 ^ u32::from(length);
    blake2s_block(&mut state, key, 64, false);
    blake2s_block(&mut state, text, 64 + text.len() as u32, true);
    let mut found = [0; 32];
    for (bytes, word) in found.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Some(found)
}

fn blake2s_block(state: &mut [u32; 8], text: &[u8], so_far: u32, is_last: bool) {
    let mut block = [0; 64];
    block[..text.len()].copy_from_slice(text);
    let words = words(&block);
    let mut all = [0; 16];
    all[..8].copy_from_slice(state);
    all[8..].copy_from_slice(&START);
    all[12] ^= so_far;
    if is_last {
        all[14] = !all[14];
    }
    for order in &ORDER {
        let pick = |turn: usize| (words[order[2 * turn]], words[order[2 * turn + 1]]);
        blake2s_mix(&mut all, [0, 4, 8, 12], pick(0));
        blake2s_mix(&mut all, [1, 5, 9, 13], pick(1));
        blake2s_mix(&mut all, [2, 6, 10, 14], pick(2));
        blake2s_mix(&mut all, [3, 7, 11, 15], pick(3));
        blake2s_mix(&mut all, [0, 5, 10, 15], pick(4));
        blake2s_mix(&mut all, [1, 6, 11, 12], pick(5));
        blake2s_mix(&mut all, [2, 7, 8, 13], pick(6));
        blake2s_mix(&mut all, [3, 4, 9, 14], pick(7));
    }
    for (index, word) in state.iter_mut().enumerate() {
        *word ^= all[index] ^ all[index + 8];
    }
}

/// RFC 7693 §3.1.
#[inline(always)]
fn blake2s_mix(all: &mut [u32; 16], [a, b, c, d]: [usize; 4], (x, y): (u32, u32)) {
    for (word, first, second) in [(x, 16, 12), (y, 8, 7)] {
        all[a] = all[a].wrapping_add(all[b]).wrapping_add(word);
        all[d] = (all[d] ^ all[a]).rotate_right(first);
        all[c] = all[c].wrapping_add(all[d]);
        all[b] = (all[b] ^ all[c]).rotate_right(second);
    }
}

fn words(block: &[u8]) -> [u32; 16] {
    let mut found = [0; 16];
    for (word, bytes) in found.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    found
}
