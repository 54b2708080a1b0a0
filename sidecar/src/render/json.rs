//! One object of strings (RFC 8259), in the order of the variables.

use std::io;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use splitvault_crypto::SecretBytes;

use super::Effective;

/// Every name and every value can be written.
pub(super) fn write(environments: &[Effective<'_>]) -> SecretBytes {
    let object = Object(environments);
    let mut count = Counter(0);
    // Neither a counter nor a vector refuses what is written to it, and strings have no other way to fail.
    let _counted = serde_json::to_writer(&mut count, &object);
    let mut content = Vec::with_capacity(count.0 + 1);
    let _written = serde_json::to_writer(&mut content, &object);
    content.push(b'\n');
    content.into()
}

struct Object<'a>(&'a [Effective<'a>]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for variable in self.0.iter().flat_map(|environment| &environment.variables) {
            // EXPOSE: written to tmpfs next.
            map.serialize_entry(variable.name.expose(), variable.value.expose())?;
        }
        map.end()
    }
}

/// So that memory of the right size is taken at once: one that grows leaves copies behind.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
