//! Bytes to text.
//!
//! Invariant: no character is replaced or guessed; bytes that the encoding does not allow are an error.

use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Where text stops being valid: how much of it was decoded before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undecodable {
    /// The text before the first bad byte.
    pub(crate) before: String,
}

enum Kind {
    /// Byte for byte U+0000 to U+00FF, which the Encoding Standard has not under that name.
    Latin1,
    Labelled(&'static Encoding),
}

fn kind(label: &str) -> Option<Kind> {
    match label.trim().to_ascii_lowercase().as_str() {
        "latin-1" | "latin1" | "iso-8859-1" => Some(Kind::Latin1),
        label => Encoding::for_label_no_replacement(label.as_bytes()).map(Kind::Labelled),
    }
}

/// Whether there is an encoding of that name.
pub(crate) fn is_known(label: &str) -> bool {
    kind(label).is_some()
}

/// Whether the text is decoded as it is, without a copy.
pub(crate) fn is_utf8(label: Option<&str>) -> bool {
    label.is_none_or(|label| matches!(kind(label), Some(Kind::Labelled(encoding)) if encoding == UTF_8))
}

/// The bytes as text. A byte-order mark decides between the two UTF-16s and is no text. `whole` is false where
/// the bytes are the start of a file: a character that is cut off at their end is then left out.
pub(crate) fn decode(bytes: Vec<u8>, label: Option<&str>, whole: bool) -> Result<String, Undecodable> {
    if is_utf8(label) {
        return utf8(bytes, whole);
    }
    match label.and_then(kind) {
        Some(Kind::Latin1) => Ok(encoding_rs::mem::decode_latin1(&bytes).into_owned()),
        Some(Kind::Labelled(encoding)) => labelled(&bytes, encoding, whole),
        // `Source::problems` has refused the label.
        None => Err(Undecodable { before: String::new() }),
    }
}

fn utf8(bytes: Vec<u8>, whole: bool) -> Result<String, Undecodable> {
    String::from_utf8(bytes).or_else(|error| {
        let cut_off = error.utf8_error().error_len().is_none();
        let valid = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        bytes.truncate(valid);
        let before = String::from_utf8(bytes).expect("the prefix was found to be valid");
        if cut_off && !whole { Ok(before) } else { Err(Undecodable { before }) }
    })
}

fn labelled(bytes: &[u8], encoding: &'static Encoding, whole: bool) -> Result<String, Undecodable> {
    let (encoding, bytes) = match bytes {
        [0xff, 0xfe, rest @ ..] if encoding == UTF_16LE => (encoding, rest),
        [0xfe, 0xff, rest @ ..] if encoding == UTF_16LE || encoding == UTF_16BE => (UTF_16BE, rest),
        _ => (encoding, bytes),
    };
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::new();
    // Too much by a little where it overflows, which the decoder then says.
    text.reserve(decoder.max_utf8_buffer_length_without_replacement(bytes.len()).unwrap_or(bytes.len()));
    let mut from = 0;
    loop {
        let (result, read) = decoder.decode_to_string_without_replacement(&bytes[from..], &mut text, whole);
        from += read;
        match result {
            DecoderResult::InputEmpty => return Ok(text),
            DecoderResult::OutputFull => text.reserve(bytes.len() - from + 16),
            DecoderResult::Malformed(..) => return Err(Undecodable { before: text }),
        }
    }
}

/// The encoding that a file's first bytes announce, where it is not UTF-8.
pub(crate) fn announced(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("utf-16"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text() {
        // Values of Python's codecs.
        let text = |bytes: &[u8], label| decode(bytes.to_vec(), Some(label), true);
        assert_eq!(text(b"caf\xe9 \x80", "windows-1252").unwrap(), "café €");
        assert_eq!(text(b"caf\xe9 \x80", "latin-1").unwrap(), "café \u{80}");
        assert_eq!(text(b"\xff\xfee\0\xac\x20", "utf-16").unwrap(), "e€");
        assert_eq!(text(b"\xfe\xff\0e\x20\xac", "utf-16").unwrap(), "e€");
        assert_eq!(text(b"\0e\x20\xac", "utf-16be").unwrap(), "e€");
        assert_eq!(text(b"\x93\xfa", "shift_jis").unwrap(), "日");
        assert_eq!(text(b"ab\x93", "shift_jis"), Err(Undecodable { before: "ab".into() }));
        assert_eq!(decode(b"ab\x93".to_vec(), Some("shift_jis"), false).unwrap(), "ab");
        assert_eq!(decode(b"ab\xc3".to_vec(), None, false).unwrap(), "ab");
        assert_eq!(decode(b"ab\xc3".to_vec(), None, true), Err(Undecodable { before: "ab".into() }));
        assert!(is_known("UTF-16") && is_utf8(Some("UTF-8")) && !is_known("utf-9"));
    }
}
