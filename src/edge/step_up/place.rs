//! Where in a streamed HTML page a script can stand before all others: right after `<head>`, else before the
//! first element that is neither that nor `<html>`. lol_html reads the page as browsers do; it only finds the
//! place, so what passes is byte for byte what came, and after the place nothing is read any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use lol_html::send::{Element, ElementContentHandlers, HtmlRewriter, Settings};
use lol_html::{MemorySettings, OutputSink, Selector};

/// So much of a page may be held back, in bytes: a start tag as long as this is no page of a portal's.
const MOST_HELD: usize = 64 * 1024;
/// No place was found yet.
const NOWHERE: usize = usize::MAX;

/// Puts a text into a page that passes by, once.
pub(super) struct Insertion {
    text: Bytes,
    search: Option<Search>,
}

impl Insertion {
    pub fn of(text: Bytes) -> Self {
        Self {
            text,
            search: Search::begin(),
        }
    }

    /// What of the page goes on, now that `chunk` has come.
    pub fn pass(&mut self, chunk: Option<Bytes>, is_last: bool) -> Option<Bytes> {
        let Some(search) = &mut self.search else {
            return chunk;
        };
        let (passes, goes_on) = search.read(chunk.as_deref().unwrap_or_default(), &self.text, is_last);
        if !goes_on {
            self.search = None;
        }
        (!passes.is_empty()).then_some(passes)
    }
}

/// A page up to the place.
struct Search {
    reader: HtmlRewriter<'static, Count>,
    /// The place, in bytes from the beginning.
    found: Arc<AtomicUsize>,
    /// So many bytes from the beginning the place is not among.
    read: Arc<AtomicUsize>,
    held: BytesMut,
    /// So many bytes have gone on.
    passed: usize,
}

/// Counts what the reader is done with.
struct Count(Arc<AtomicUsize>);

impl OutputSink for Count {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        self.0.fetch_add(chunk.len(), Ordering::Relaxed);
    }
}

impl Search {
    fn begin() -> Option<Self> {
        let (found, read) = (Arc::new(AtomicUsize::new(NOWHERE)), Arc::new(AtomicUsize::new(0)));
        let note = {
            let found = Arc::clone(&found);
            move |element: &mut Element<'_, '_>| {
                let span = element.source_location().bytes();
                let place = match element.tag_name().as_str() {
                    "html" => return Ok(()),
                    "head" => span.end,
                    _ => span.start,
                };
                // The first one counts.
                let _ = found.compare_exchange(NOWHERE, place, Ordering::Relaxed, Ordering::Relaxed);
                Ok(())
            }
        };
        let any: Selector = "*".parse().ok()?;
        let handlers = ElementContentHandlers::default().element(note);
        let settings = Settings::new_send()
            .append_element_content_handler((std::borrow::Cow::Owned(any), handlers))
            .with_strict(false)
            .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MOST_HELD));
        Some(Self {
            reader: HtmlRewriter::new(settings, Count(Arc::clone(&read))),
            found,
            read,
            held: BytesMut::new(),
            passed: 0,
        })
    }

    /// What goes on, and whether the search does.
    fn read(&mut self, chunk: &[u8], text: &[u8], is_last: bool) -> (Bytes, bool) {
        self.held.extend_from_slice(chunk);
        let is_utf16 = self.passed == 0 && matches!(self.held.get(..2), Some([0xfe, 0xff] | [0xff, 0xfe]));
        if is_utf16 || self.reader.write(chunk).is_err() {
            return (self.held.split().freeze(), false);
        }
        let place = self.found.load(Ordering::Relaxed);
        if place == NOWHERE {
            let done = self.read.load(Ordering::Relaxed).saturating_sub(self.passed);
            let done = if is_last {
                self.held.len()
            } else {
                done.min(self.held.len())
            };
            self.passed += done;
            return (self.held.split_to(done).freeze(), !is_last);
        }
        let before = place.saturating_sub(self.passed).min(self.held.len());
        let mut passes = self.held.split_to(before);
        passes.extend_from_slice(text);
        passes.extend_from_slice(&self.held);
        (passes.freeze(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page in chunks of `size` bytes.
    fn inserted(page: &[u8], size: usize) -> Vec<u8> {
        let mut insertion = Insertion::of(Bytes::from_static(b"[S]"));
        let mut out = Vec::new();
        for chunk in page.chunks(size) {
            out.extend(
                insertion
                    .pass(Some(Bytes::copy_from_slice(chunk)), false)
                    .into_iter()
                    .flatten(),
            );
        }
        out.extend(insertion.pass(None, true).into_iter().flatten());
        out
    }

    #[test]
    fn it_stands_before_every_script_whatever_the_page_looks_like() {
        for (page, expected) in [
            (
                "<!doctype html><html><head><title>x</title>",
                "<!doctype html><html><head>[S]<title>x</title>",
            ),
            (
                "<!DOCTYPE html>\n<HTML lang=en>\n<HEAD >\n<script>",
                "<!DOCTYPE html>\n<HTML lang=en>\n<HEAD >[S]\n<script>",
            ),
            ("<title>no head</title><p>", "[S]<title>no head</title><p>"),
            ("<!-- <head> --><html><body>x", "<!-- <head> --><html>[S]<body>x"),
            (
                "<html data-x='<head>'><head><head>",
                "<html data-x='<head>'><head>[S]<head>",
            ),
            (
                "\u{feff}<!doctype html><header>",
                "\u{feff}<!doctype html>[S]<header>",
            ),
            ("<html><frameset><frame>", "<html>[S]<frameset><frame>"),
            (
                "<script>'<head>'</script><head>",
                "[S]<script>'<head>'</script><head>",
            ),
            ("words only", "words only"),
            ("<!doctype html", "<!doctype html"),
            ("", ""),
        ] {
            for size in [1, 2, 7, 1000] {
                let out = String::from_utf8(inserted(page.as_bytes(), size)).unwrap();
                assert_eq!(out, expected, "in chunks of {size}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_passes_as_it_is() {
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("<head>".bytes().flat_map(|b| [b, 0]))
            .collect();
        assert_eq!(inserted(&utf16, 1000), utf16);
        let latin = b"<!-- \xe4\xff\x00 --><p>\xfc";
        assert_eq!(inserted(latin, 3), b"<!-- \xe4\xff\x00 -->[S]<p>\xfc");
        let long = [b"<p x='".as_slice(), &[b'a'; 2 * MOST_HELD], b"'><head>"].concat();
        assert_eq!(inserted(&long, 4096), long, "a tag that is too long to be held");
    }

    #[test]
    fn a_long_page_is_not_held_back() {
        let mut insertion = Insertion::of(Bytes::from_static(b"[S]"));
        let comment = Bytes::from(vec![b' '; 1 << 20]);
        let mut out = 0;
        for _ in 0..8 {
            out += insertion
                .pass(Some(comment.clone()), false)
                .map_or(0, |passes| passes.len());
        }
        assert!(out > 7 << 20, "{out} bytes of blanks went on");
    }
}
