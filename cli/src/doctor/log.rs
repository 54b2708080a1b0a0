//! The sidecar's log, as kubelet hands it out with the time before each line. Pure.
//!
//! It comes from a container: no more of a line is looked at than the sidecar writes of one. Its texts are in
//! `sidecar/src`; this program links neither that crate nor `splitvault-wire`, and a story on a cluster holds both ends
//! together.

use k8s_openapi::jiff::Timestamp;

/// What the sidecar says once it has written a delivery; its revisions follow.
pub(super) const DELIVERED: &str = "delivered: ";
/// What it says when it gets nothing newer; its revisions and a reason follow.
pub(super) const STAYS: &str = "stays at ";
/// What it begins each line with.
const NAME: &str = "splitvault: ";
/// Characters after that, at which the sidecar cuts a line.
const LIMIT: usize = 1000;
/// Characters of a time, and some more.
const TIME: usize = 40;

/// One line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// When it was written, to the second.
    pub(super) at: Option<Timestamp>,
    /// The line without that time.
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        let dated = line
            .split_once(' ')
            .and_then(|(at, text)| Some((time(at)?, text)));
        let (at, text) = dated.map_or((None, line), |(at, text)| (Some(at), text));
        let text = first(text, NAME.len() + LIMIT);
        Self { at, text }
    }

    /// What the sidecar says after this, where it begins with it.
    pub(super) fn after(&self, beginning: &str) -> Option<&'a str> {
        self.text.strip_prefix(NAME)?.strip_prefix(beginning)
    }

    /// Whether nothing was cut off.
    pub(super) fn is_whole(&self) -> bool {
        self.text.chars().count() < NAME.len() + LIMIT
    }
}

/// All lines, oldest first.
pub(super) fn lines(log: &str) -> impl DoubleEndedIterator<Item = Line<'_>> {
    log.lines().map(Line::read)
}

/// A time in RFC 3339, to the second: a container's start is known no better.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let whole = text.len() <= TIME;
    let time: Timestamp = whole.then(|| text.parse().ok())??;
    Timestamp::from_second(time.as_second()).ok()
}

/// The first characters.
pub(super) fn first(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    &text[..end]
}
