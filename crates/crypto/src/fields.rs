//! The one way several byte strings become one: each behind its length, so that no two lists give the same bytes.

/// `len(part) as u64 BE ‖ part`, for each part in turn.
pub(crate) fn append(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.reserve_exact(parts.iter().map(|part| 8 + part.len()).sum());
    for part in parts {
        out.extend_from_slice(&length(part));
        out.extend_from_slice(part);
    }
}

/// [`append`] to nothing.
pub(crate) fn encode(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, parts);
    out
}

/// The eight bytes in front of `part`.
pub(crate) fn length(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn moving_a_byte_between_neighbours_changes_the_encoding() {
        assert_ne!(encode(&[b"ab", b"c"]), encode(&[b"a", b"bc"]));
        assert_ne!(encode(&[b"a"]), encode(&[b"a", b""]));
        assert_eq!(encode(&[b"a"]), [0, 0, 0, 0, 0, 0, 0, 1, b'a']);
    }
}
