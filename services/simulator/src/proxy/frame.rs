//! Frames of AMQP 0-9-1, as much of them as somebody between a client and a broker must understand.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A frame of a method.
pub(super) const METHOD: u8 = 1;
/// A frame of a content's header.
pub(super) const HEADER: u8 = 2;
/// A frame of a content's body.
pub(super) const BODY: u8 = 3;
/// A frame that says that somebody is there.
pub(super) const HEARTBEAT: u8 = 8;

/// What every frame ends with.
const END: u8 = 0xCE;
/// Bytes around a frame's payload.
pub(super) const AROUND: usize = 8;
/// What a client greets with, and a broker that wants another version answers.
pub(super) const GREETING: usize = 8;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) channel: u16,
    pub(super) payload: Bytes,
}

/// Bytes that are no AMQP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read a frame of AMQP")]
pub(super) struct NoFrame;

impl Frame {
    /// Writes it behind what is there.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.put_u8(self.kind);
        to.put_u16(self.channel);
        to.put_u32(u32::try_from(self.payload.len()).unwrap_or(u32::MAX));
        to.put_slice(&self.payload);
        to.put_u8(END);
    }

    /// The method that it holds.
    pub(super) fn method(&self) -> Method {
        if self.kind != METHOD { Method::Other } else { Method::read(self.payload.clone()).unwrap_or(Method::Other) }
    }

    /// A broker's word on a publication: it has it, or refuses it.
    pub(super) fn confirm(channel: u16, tag: u64, is_taken: bool) -> Self {
        let mut payload = BytesMut::new();
        payload.put_u16(BASIC);
        payload.put_u16(if is_taken { 80 } else { 120 });
        payload.put_u64(tag);
        payload.put_u8(0);
        Self { kind: METHOD, channel, payload: payload.freeze() }
    }
}

/// Takes frames out of a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Frames(BytesMut);

impl Frames {
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The greeting, once it is there whole.
    pub(super) fn greeting(&mut self) -> Option<Bytes> {
        (self.0.len() >= GREETING).then(|| self.0.split_to(GREETING).freeze())
    }

    /// Whether a greeting comes next, which no frame begins like.
    pub(super) fn is_greeting(&self) -> bool {
        self.0.first() == Some(&b'A')
    }

    /// The next frame, once it is there whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, NoFrame> {
        let Some(mut head) = self.0.get(..AROUND - 1) else { return Ok(None) };
        let (kind, channel, length) = (head.get_u8(), head.get_u16(), head.get_u32());
        let length = usize::try_from(length).map_err(|_| NoFrame)?;
        if !matches!(kind, METHOD | HEADER | BODY | HEARTBEAT) {
            return Err(NoFrame);
        }
        if self.0.len() < AROUND + length {
            return Ok(None);
        }
        let mut whole = self.0.split_to(AROUND + length);
        if whole.last() != Some(&END) {
            return Err(NoFrame);
        }
        whole.advance(AROUND - 1);
        whole.truncate(length);
        Ok(Some(Frame { kind, channel, payload: whole.freeze() }))
    }
}

const CONNECTION: u16 = 10;
const CHANNEL: u16 = 20;
const BASIC: u16 = 60;
const CONFIRM: u16 = 85;

/// A method, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    /// The client agrees on limits: bytes of a frame, 0 for no limit.
    TuneOk { frame_max: u32 },
    /// A channel begins.
    ChannelOpen,
    /// The client wants confirms on its channel from here on.
    ConfirmSelect,
    /// A publication; its content follows.
    Publish { exchange: String, routing_key: String },
    /// A delivery; its content follows.
    Deliver,
    /// The broker's or the client's word on one, or on all up to one.
    Settle { tag: u64, multiple: bool, is_taken: bool },
    /// Anything else.
    Other,
}

impl Method {
    fn read(mut from: Bytes) -> Option<Self> {
        let (class, method) = (from.try_get_u16().ok()?, from.try_get_u16().ok()?);
        Some(match (class, method) {
            (CONNECTION, 31) => {
                from.try_get_u16().ok()?;
                Self::TuneOk { frame_max: from.try_get_u32().ok()? }
            }
            (CHANNEL, 10) => Self::ChannelOpen,
            (CONFIRM, 10) => Self::ConfirmSelect,
            (BASIC, 40) => {
                from.try_get_u16().ok()?;
                Self::Publish { exchange: short_text(&mut from)?, routing_key: short_text(&mut from)? }
            }
            (BASIC, 60) => Self::Deliver,
            (BASIC, 80 | 120) => {
                let tag = from.try_get_u64().ok()?;
                Self::Settle { tag, multiple: from.try_get_u8().ok()? & 1 == 1, is_taken: method == 80 }
            }
            _ => Self::Other,
        })
    }
}

fn short_text(from: &mut Bytes) -> Option<String> {
    let length = usize::from(from.try_get_u8().ok()?);
    (from.len() >= length).then(|| String::from_utf8(from.split_to(length).to_vec()).ok())?
}

/// A method with its content: a publication, or a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    method: Frame,
    header: Frame,
    pub(super) body: Bytes,
}

/// Bytes of a content's header in front of its size.
const BEFORE_SIZE: usize = 4;

impl Content {
    /// The channel that it is on.
    pub(super) fn channel(&self) -> u16 {
        self.method.channel
    }

    /// Writes it in frames of at most so many bytes.
    pub(super) fn write(&self, frame_max: u32, to: &mut Vec<u8>) {
        self.method.write(to);
        let mut header = self.header.payload.to_vec();
        let size = (self.body.len() as u64).to_be_bytes();
        if let Some(place) = header.get_mut(BEFORE_SIZE..BEFORE_SIZE + size.len()) {
            place.copy_from_slice(&size);
        }
        Frame { payload: header.into(), ..self.header.clone() }.write(to);
        let most = usize::try_from(frame_max).unwrap_or(usize::MAX);
        let most = if frame_max == 0 { usize::MAX } else { most.saturating_sub(AROUND).max(1) };
        let mut rest = self.body.clone();
        while !rest.is_empty() {
            let payload = rest.split_to(most.min(rest.len()));
            Frame { kind: BODY, channel: self.method.channel, payload }.write(to);
        }
    }
}

/// A content whose frames have not all come.
#[derive(Debug)]
pub(super) struct Unfinished {
    method: Frame,
    header: Option<(Frame, usize)>,
    body: BytesMut,
}

impl Unfinished {
    pub(super) fn new(method: Frame) -> Self {
        Self { method, header: None, body: BytesMut::new() }
    }

    /// Takes the next frame of its channel; gives the content when it is whole.
    pub(super) fn take(mut self, frame: Frame) -> Result<Result<Content, Self>, NoFrame> {
        match (frame.kind, &mut self.header) {
            (HEADER, none @ None) => {
                let mut size = frame.payload.get(BEFORE_SIZE..BEFORE_SIZE + 8).ok_or(NoFrame)?;
                let size = usize::try_from(size.get_u64()).map_err(|_| NoFrame)?;
                *none = Some((frame, size));
            }
            (BODY, Some(_)) => self.body.extend_from_slice(&frame.payload),
            _ => return Err(NoFrame),
        }
        match self.header {
            Some((header, size)) if self.body.len() >= size => {
                Ok(Ok(Content { method: self.method, header, body: self.body.freeze() }))
            }
            _ => Ok(Err(self)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The frames of a publication as a client sends it.
    pub(in crate::proxy) fn publication(channel: u16, exchange: &str, routing_key: &str, body: &[u8]) -> Vec<u8> {
        let mut method = vec![0, 60, 0, 40, 0, 0];
        for text in [exchange, routing_key] {
            method.push(u8::try_from(text.len()).unwrap());
            method.extend_from_slice(text.as_bytes());
        }
        method.push(1);
        let mut bytes = Vec::new();
        content(channel, method, body).write(4096, &mut bytes);
        bytes
    }

    pub(in crate::proxy) fn content(channel: u16, method: Vec<u8>, body: &[u8]) -> Content {
        let header = [&[0, 60, 0, 0][..], &[0; 8], &[0x10, 0, 2]].concat();
        Content {
            method: Frame { kind: METHOD, channel, payload: method.into() },
            header: Frame { kind: HEADER, channel, payload: header.into() },
            body: Bytes::copy_from_slice(body),
        }
    }

    #[test]
    fn a_publication_is_read_back_however_it_is_cut_into_pieces() {
        let body: Vec<u8> = (0..10_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
        let bytes = publication(3, "exchange", "key", &body);
        for piece in [1, 7, 4_096, bytes.len()] {
            let (mut frames, mut unfinished, mut whole) = (Frames::default(), None, None);
            for chunk in bytes.chunks(piece) {
                frames.put(chunk);
                while let Some(frame) = frames.next().unwrap() {
                    assert_eq!(frame.channel, 3);
                    unfinished = match unfinished.take() {
                        None => {
                            let named = Method::Publish { exchange: "exchange".into(), routing_key: "key".into() };
                            assert_eq!(frame.method(), named);
                            Some(Unfinished::new(frame))
                        }
                        Some(before) => match Unfinished::take(before, frame).unwrap() {
                            Ok(content) => {
                                whole = Some(content);
                                None
                            }
                            Err(more) => Some(more),
                        },
                    };
                }
            }
            let whole = whole.unwrap();
            assert_eq!(whole.body, body);
            let mut again = Vec::new();
            whole.write(4096, &mut again);
            assert_eq!(again, bytes);
        }
    }

    #[test]
    fn what_is_no_frame_is_said_to_be_none() {
        let mut frames = Frames::default();
        frames.put(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(frames.next(), Err(NoFrame));
        let mut bytes = publication(1, "x", "y", b"z");
        *bytes.last_mut().unwrap() = 0;
        let mut frames = Frames::default();
        frames.put(&bytes);
        let read = std::iter::from_fn(|| frames.next().transpose()).collect::<Result<Vec<_>, _>>();
        assert_eq!(read, Err(NoFrame));
    }

    #[test]
    fn a_confirm_is_read_as_it_is_written() {
        for is_taken in [true, false] {
            let word = Frame::confirm(9, 77, is_taken).method();
            assert_eq!(word, Method::Settle { tag: 77, multiple: false, is_taken });
        }
    }
}
