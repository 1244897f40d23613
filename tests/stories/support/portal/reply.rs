//! An answer of the portal, down to its framing.

use std::io::Write;
use std::time::Duration;

/// How the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Content-Length.
    Length,
    /// Chunks of 7 bytes, and a trailer.
    Chunked,
    /// Content-Length, but half of it.
    BrokenOff,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its header, framing aside.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// How that is delimited.
    pub framing: Framing,
    /// The header of a 103 sent before it.
    pub early: Vec<(String, String)>,
    /// How long it takes.
    pub delay: Duration,
    /// These bytes in place of all that, and the connection goes on.
    pub raw: Option<Vec<u8>>,
}

impl Reply {
    /// A bare status.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            early: Vec::new(),
            delay: Duration::ZERO,
            raw: None,
        }
    }

    /// Byte for byte.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        let mut reply = Self::new(200);
        reply.raw = Some(bytes.into());
        reply
    }

    /// A page.
    pub fn page(text: impl Into<String>) -> Self {
        let mut reply = Self::new(200).header("Content-Type", "text/html; charset=utf-8");
        reply.body = format!("<!doctype html><title>Portal</title><body>{}</body>", text.into()).into_bytes();
        reply
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    /// And closes the connection behind it.
    pub fn closing(self) -> Self {
        self.framed(Framing::BrokenOff)
    }

    /// With a header line.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a cookie, its attributes included.
    pub fn cookie(self, line: impl Into<String>) -> Self {
        self.header("Set-Cookie", line)
    }

    /// With a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Delimited so.
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// With its body packed.
    pub fn gzip(mut self) -> Self {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&self.body).unwrap();
        self.body = packer.finish().unwrap();
        self.header("Content-Encoding", "gzip")
    }

    /// After a 103 with this header line.
    pub fn early_hint(mut self, name: &str, value: &str) -> Self {
        self.early.push((name.to_owned(), value.to_owned()));
        self
    }

    /// After a while.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Its bytes; `head_only` for the answer to a HEAD.
    pub(super) fn bytes(&self, head_only: bool) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut out = Vec::new();
        if !self.early.is_empty() {
            out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\n");
            put_headers(&mut out, &self.early);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("HTTP/1.1 {} Answer\r\n", self.status).as_bytes());
        put_headers(&mut out, &self.headers);
        match self.framing {
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n"),
            Framing::Length | Framing::BrokenOff => {
                out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
            }
        }
        if head_only {
            return out;
        }
        match self.framing {
            Framing::Length => out.extend_from_slice(&self.body),
            Framing::BrokenOff => out.extend_from_slice(&self.body[..self.body.len() / 2]),
            Framing::Chunked => {
                for chunk in self.body.chunks(7) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\nX-Trailer: login-canary-trailer\r\n\r\n");
            }
        }
        out
    }
}

fn put_headers(out: &mut Vec<u8>, headers: &[(String, String)]) {
    for (name, value) in headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
}
