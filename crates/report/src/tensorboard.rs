//! Scalars as a TensorBoard event file.
//!
//! A file is a row of records: length (u64), its checksum, an `Event` message, its checksum; all little-endian,
//! checksums CRC-32C, masked as TFRecord does. Of the messages only the fields that scalars need are written, by hand:
//! `Event { wall_time = 1, step = 2, file_version = 3, summary = 5 }`, `Summary { value = 1 }`,
//! `Value { tag = 1, simple_value = 2 }` (tensorboard/compat/proto/{event,summary}.proto).
//!
//! Invariant: the same scalars and time give the same bytes.

/// A number of a run at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// What it is; `/` groups.
    pub tag: String,
    /// The epoch.
    pub step: i64,
    /// The number, kept in single precision.
    pub value: f64,
}

/// The bytes of an event file; `time` is in seconds since 1970.
///
/// TensorBoard takes files whose name contains `tfevents`; a folder is a run.
pub fn event_file(time: f64, scalars: &[Scalar]) -> Vec<u8> {
    let mut out = vec![];
    let mut version = event(time);
    bytes(&mut version, 3, b"brain.Event:2");
    record(&mut out, &version);
    for scalar in scalars {
        let mut value = vec![];
        bytes(&mut value, 1, scalar.tag.as_bytes());
        value.push(key(2, 5));
        value.extend((scalar.value as f32).to_le_bytes());
        let mut summary = vec![];
        bytes(&mut summary, 1, &value);
        let mut event = event(time);
        // proto3 leaves zeros out.
        if scalar.step != 0 {
            event.push(key(2, 0));
            varint(&mut event, scalar.step as u64);
        }
        bytes(&mut event, 5, &summary);
        record(&mut out, &event);
    }
    out
}

/// An event that has nothing but its time.
fn event(time: f64) -> Vec<u8> {
    let mut event = vec![key(1, 1)];
    event.extend(time.to_le_bytes());
    event
}

/// A field's number and wire type: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
fn key(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(key(field, 2));
    varint(out, content.len() as u64);
    out.extend(content);
}

fn record(out: &mut Vec<u8>, event: &[u8]) {
    let length = (event.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(event);
    out.extend(masked(event).to_le_bytes());
}

fn masked(content: &[u8]) -> u32 {
    crc32c(content).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli, reflected), a bit at a time: event files are small.
fn crc32c(content: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, B.4.
    #[test]
    fn checksums_are_those_of_the_rfc() {
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
