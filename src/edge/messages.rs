//! What a browser says over a WebSocket of a portal with bearer tokens, read as it passes: a token that is not
//! this session's ends the connection before the message is whole at the portal (I4).

use super::credentials::TOKEN_WORDS;
use crate::gate::Json;
use crate::gate::query::same_name;
use crate::vault::{Bound, Credential};

/// Longer messages are not read: a token does not need as much.
const LONGEST: usize = 64 * 1024;
/// What is shorter is no token that grants anything.
const SHORTEST_TOKEN: usize = 16;

/// Somebody else's token, or a message that cannot be read though it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign;

/// One browser's half of a WebSocket (RFC 6455 5.2), read along.
#[derive(Default)]
pub struct Messages {
    /// Bytes of a frame that is not whole yet.
    pending: Vec<u8>,
    /// So many bytes of a frame that is too long to be read are still to come.
    skip: u64,
    /// What a message's frames said so far; `None`: it is too long.
    message: Option<Vec<u8>>,
}

/// A frame's head.
struct Head {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    length: u64,
    /// Bytes of the head itself.
    size: usize,
}

impl Messages {
    /// Reads what the browser sent.
    ///
    /// # Errors
    /// Where it holds a token that is not bound.
    pub fn read(&mut self, mut bytes: &[u8], bound: &Bound) -> Result<(), Foreign> {
        loop {
            if self.skip > 0 {
                if bytes.is_empty() {
                    return Ok(());
                }
                let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
            }
            self.pending.extend_from_slice(bytes);
            bytes = &[];
            let Some(head) = Head::read(&self.pending)? else {
                return Ok(());
            };
            let length = usize::try_from(head.length).unwrap_or(usize::MAX);
            if length > LONGEST {
                // Too long to be read, and so is the message that it belongs to.
                self.message = None;
                let here = (self.pending.len() - head.size).min(length);
                self.skip = head.length - here as u64;
                self.pending.drain(..head.size + here);
                continue;
            }
            let Some(payload) = self.pending.get(head.size..head.size + length) else {
                return Ok(());
            };
            let masks = head.mask.iter().cycle();
            let payload: Vec<u8> = payload
                .iter()
                .zip(masks)
                .map(|(byte, mask)| byte ^ mask)
                .collect();
            self.pending.drain(..head.size + length);
            // Control frames stand between the frames of a message.
            if head.opcode < 8 {
                self.frame(&head, &payload, bound)?;
            }
        }
    }

    fn frame(&mut self, head: &Head, payload: &[u8], bound: &Bound) -> Result<(), Foreign> {
        if head.opcode != 0 {
            self.message = Some(Vec::new());
        }
        let too_long = self
            .message
            .as_ref()
            .is_some_and(|message| message.len() + payload.len() > LONGEST);
        if too_long {
            self.message = None;
        }
        if let Some(message) = &mut self.message {
            message.extend_from_slice(payload);
        }
        if !head.fin {
            return Ok(());
        }
        match self.message.take() {
            Some(message) if holds_foreign_token(&message, bound) => Err(Foreign),
            _ => Ok(()),
        }
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Option<Self>, Foreign> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        // No extension was offered to the portal, so none of these bits has a meaning.
        if first & 0x70 != 0 {
            return Err(Foreign);
        }
        let (length, rest, mut size) = match second & 0x7f {
            126 => match rest {
                [a, b, rest @ ..] => (u64::from(u16::from_be_bytes([*a, *b])), rest, 4),
                _ => return Ok(None),
            },
            127 => match rest {
                [a, b, c, d, e, f, g, h, rest @ ..] => {
                    (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest, 10)
                }
                _ => return Ok(None),
            },
            short => (u64::from(short), rest, 2),
        };
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            let Some(given) = rest.first_chunk::<4>() else {
                return Ok(None);
            };
            mask = *given;
            size += 4;
        }
        Ok(Some(Self {
            fin: first & 0x80 != 0,
            opcode: first & 0x0f,
            mask,
            length,
            size,
        }))
    }
}

fn holds_foreign_token(message: &[u8], bound: &Bound) -> bool {
    let text = String::from_utf8_lossy(message);
    if let Some(json) = Json::read(message)
        && json.any_text(&|key, text| is_token_key(key) && is_foreign(text, bound))
    {
        return true;
    }
    let lower = text.to_ascii_lowercase();
    lower.match_indices("bearer ").any(|(at, word)| {
        let after = text.get(at + word.len()..).unwrap_or_default();
        let end = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c)))
            .unwrap_or(after.len());
        is_foreign(after.get(..end).unwrap_or_default(), bound)
    })
}

fn is_token_key(key: &str) -> bool {
    same_name(key, "auth") || TOKEN_WORDS.iter().any(|word| same_name(key, word))
}

fn is_foreign(text: &str, bound: &Bound) -> bool {
    let token = text.rsplit(' ').next().unwrap_or(text);
    token.len() >= SHORTEST_TOKEN && !bound.binds(Credential::Bearer, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "own-token-0123456789";

    fn frame(fin: bool, opcode: u8, text: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![u8::from(fin) << 7 | opcode];
        match text.len() {
            short @ ..126 => frame.push(0x80 | short as u8),
            middle @ ..65536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(middle as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&mask);
        frame.extend(
            text.iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        frame
    }

    fn read(frames: &[Vec<u8>], at_once: usize) -> Result<(), Foreign> {
        let mut bound = Bound::default();
        bound.bind(Credential::Bearer, OWN.as_bytes());
        let mut messages = Messages::default();
        let bytes = frames.concat();
        bytes
            .chunks(at_once)
            .try_for_each(|chunk| messages.read(chunk, &bound))
    }

    #[test]
    fn i4_a_foreign_token_in_a_message_is_seen_however_it_is_cut() {
        let foreign = br#"{"auth":"foreign-token-0123456789"}"#;
        let deep = br#"[1,{"x":{"Access_Token":"foreign-token-0123456789"}}]"#;
        let own = format!(r#"{{"auth":"{OWN}"}}"#);
        let long = vec![b'x'; 200_000];
        for at_once in [1, 7, 1 << 20] {
            for frames in [
                vec![frame(true, 1, foreign)],
                vec![frame(true, 2, deep)],
                vec![
                    frame(true, 1, own.as_bytes()),
                    frame(true, 9, b"ping"),
                    frame(true, 1, foreign),
                ],
                vec![
                    frame(false, 1, &foreign[..9]),
                    frame(true, 9, b"ping"),
                    frame(true, 0, &foreign[9..]),
                ],
                vec![frame(true, 2, &long), frame(true, 1, foreign)],
                vec![frame(
                    true,
                    1,
                    b"CONNECT\nAuthorization:Bearer foreign-token-0123456789\n\n\0",
                )],
                vec![vec![0xc1, 0x80, 0, 0, 0, 0]],
            ] {
                assert_eq!(read(&frames, at_once), Err(Foreign), "{at_once}");
            }
            for frames in [
                vec![
                    frame(true, 1, own.as_bytes()),
                    frame(true, 1, b"{\"topic\":\"foreign-token-0123456789\"}"),
                ],
                vec![frame(true, 1, b"{\"token\":\"page-2\"}"), frame(true, 8, b"")],
                vec![
                    frame(true, 2, &long),
                    frame(true, 2, &long),
                    frame(true, 1, own.as_bytes()),
                ],
                vec![
                    frame(false, 2, &long),
                    frame(true, 0, &long),
                    frame(true, 1, own.as_bytes()),
                ],
            ] {
                assert_eq!(read(&frames, at_once), Ok(()), "{at_once}");
            }
        }
    }
}
