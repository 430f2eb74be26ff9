//! Files that were cut or changed: an error or other numbers, never a panic, and never more memory than the limits.
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::path::Path;

use proptest::prelude::*;
use weights::{Limits, Options, Weights};

const FILES: [&str; 8] = [
    "net-zip.pth",
    "net-legacy.pth",
    "net-protocol4.pth",
    "net-deflated.pth",
    "views-zip.pth",
    "views-legacy.pth",
    "checkpoint-legacy.pth",
    "nested-zip.pth",
];

fn content(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)).unwrap()
}

/// Opens `bytes` as a file and reads whatever is in it; gives how many bytes there were.
fn read(bytes: &[u8]) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.pth");
    std::fs::write(&path, bytes).unwrap();
    let limits = Limits { copied: 1 << 20, ..Limits::default() };
    let weights = Weights::open(&path, &Options { limits, root: None }).map_err(|error| error.to_string())?;
    Ok(weights.iter().map(|(_, tensor)| tensor.bytes().len()).sum())
}

/// A pickle in the legacy format's envelope.
fn legacy(pickle: &[u8]) -> Vec<u8> {
    let mut bytes = content("net-legacy.pth");
    let sys_info = bytes.windows(2).enumerate().filter(|(_, two)| two == b".\x80").nth(2).unwrap().0;
    bytes.truncate(sys_info + 1);
    bytes.extend_from_slice(pickle);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes(which in 0..FILES.len(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = content(FILES[which]);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read(&bytes);
    }

    #[test]
    fn changed_pickles(which in 0..FILES.len(), at in 0usize..2000, value: u8, more: u8) {
        let mut bytes = content(FILES[which]);
        let at = at % (bytes.len() - 1);
        bytes[at] = value;
        bytes[at + 1] ^= more;
        let _ = read(&bytes);
    }

    #[test]
    fn opcodes_of_any_kind(opcodes in prop::collection::vec(prop::sample::select(
        b"(01205}])lt\x85\x86\x87daesuRbQq\x00h\x00j\0\0\0\0N\x88K\x05M\xff\xffX\x01\0\0\0acollections\nOrderedDict\nctorch._utils\n_rebuild_tensor_v2\nctorch\nFloatStorage\n".to_vec()), 0..200)) {
        let _ = read(&legacy(&opcodes));
    }

    #[test]
    fn cut_files(which in 0..FILES.len(), end: prop::sample::Index) {
        let bytes = content(FILES[which]);
        let error = read(&bytes[..end.index(bytes.len())]).unwrap_err();
        prop_assert!(error.contains("w.pth"), "{}", error);
    }
}

fn refused(pickle: &[u8], expected: &str) {
    let error = read(&legacy(pickle)).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn memory_is_bounded_whatever_a_pickle_says() {
    // a text of 4 GB
    refused(b"\x80\x02X\xff\xff\xff\xff", "it ends within its pickle");
    // references past the memo, and a memo place of 4 billion
    refused(b"\x80\x02h\x07.", "a reference to nothing");
    refused(b"\x80\x02Nr\xff\xff\xff\xff(((.", "an operation without its operands");
    // a million lists, each within the other: nothing nests in memory
    let mut deep = b"\x80\x02".to_vec();
    deep.extend(std::iter::repeat_n(b']', 1_000_000));
    deep.extend(std::iter::repeat_n(b'a', 999_999));
    deep.extend_from_slice(b".\x80\x02].");
    refused(&deep, "containers within containers");
    // lists of ten references to the list before: 10^9 entries if they were walked
    let mut laughs = b"\x80\x02]q\x00".to_vec();
    for level in 0..9u8 {
        laughs.extend_from_slice(b"](");
        laughs.extend(std::iter::repeat_n([b'h', level], 10).flatten());
        laughs.extend_from_slice(&[b'e', b'q', level + 1]);
    }
    laughs.extend_from_slice(b".\x80\x02].");
    refused(&laughs, "1048576 entries in its containers");
    // a list that holds itself
    refused(b"\x80\x02]q\x00h\x00a.\x80\x02].", "containers within containers");
    // five million values
    let mut many = b"\x80\x02".to_vec();
    many.extend(std::iter::repeat_n(b'N', 5_000_000));
    refused(&many, "4194304 values in its pickle");
}

#[test]
fn a_tensor_cannot_reach_past_its_storage() {
    let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04NtQ";
    let tensor = |place: &[u8]| {
        let mut pickle = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
        pickle.extend_from_slice(storage);
        pickle.extend_from_slice(place);
        pickle.extend_from_slice(b"\x89)tRs.\x80\x02](X\x01\0\0\x000e.\x04\0\0\0\0\0\0\0");
        pickle.extend_from_slice(&[0; 16]);
        legacy(&pickle)
    };
    assert_eq!(read(&tensor(b"K\x00K\x04\x85K\x01\x85")), Ok(16));
    let refused = |place: &[u8], expected: &str| {
        let error = read(&tensor(place)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    refused(b"K\x01K\x04\x85K\x01\x85", "reaches past its storage");
    refused(b"K\x00K\x04\x85K\x02\x85", "reaches past its storage");
    refused(b"K\x00K\x04\x85K\x01K\x01\x86", "1 dimensions has 2 strides");
    refused(b"K\x00K\x04\x85J\xff\xff\xff\xff\x85", "no size");
    // 2^62 elements by a stride of 0, and sides whose product is more than memory has addresses
    refused(b"K\x00\x8a\x08\0\0\0\0\0\0\0\x40\x85K\x00\x85", "reaches past its storage");
    refused(b"K\x00J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40\x87K\x00K\x00K\x00\x87", "reaches past its storage");
    refused(b"K\x00J\0\0\0\x10\x85K\x00\x85", "1048576 bytes of views to copy");
}
