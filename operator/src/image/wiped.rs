//! Text in JSON that is wiped when it is dropped. Not reached: what the parser uses for a string with escapes, and what
//! HTTP and TLS make of it on its way out.

use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Wiped(pub(super) Zeroizing<String>);

impl From<String> for Wiped {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}
