//! Where a plugin is, and what it is called here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a provider is called in stored keys, logs and metrics: up to 63 of `a-z`, `0-9` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderName(String);

/// A plugin's unix socket, with the name of the provider: `unix:///PATH`, or `NAME=unix:///PATH`.
///
/// The name is stored with every wrapped key, so it must stay when the socket moves; `kms` unless given. A path that
/// begins with `@` is a socket in the abstract namespace, which containers of one pod share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    name: ProviderName,
    socket: PathBuf,
}

/// Why a text is not the address of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Another scheme than `unix`, or no path.
    #[error("expected unix:///PATH of the plugin's socket, or NAME=unix:///PATH")]
    Socket,
    /// Longer than a socket's path can be (107 bytes).
    #[error("the path of a unix socket has at most 107 bytes")]
    TooLong,
    /// Not a provider's name.
    #[error("the name of a provider is up to 63 of a-z, 0-9 and -")]
    Name,
}

impl ProviderName {
    /// The name of a provider that was given none.
    pub const DEFAULT: &'static str = "kms";
    /// Bytes at most.
    const MAX: usize = 63;

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderName {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=Self::MAX).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AddressError::Name)
        }
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Address {
    const MAX_PATH: usize = 107;

    /// The provider's name.
    pub const fn name(&self) -> &ProviderName {
        &self.name
    }

    /// For connecting: the path, or a name in the abstract namespace behind a zero byte.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (name, url) = match text.split_once('=') {
            Some((name, url)) if !name.contains(':') => (name, url),
            _ => (ProviderName::DEFAULT, text),
        };
        let path = url.strip_prefix("unix://").ok_or(AddressError::Socket)?;
        if !path.starts_with('/') || path.len() < 2 || path.contains('\0') {
            return Err(AddressError::Socket);
        }
        if path.len() > Self::MAX_PATH {
            return Err(AddressError::TooLong);
        }
        let socket = path.strip_prefix("/@").map(|name| format!("\0{name}"));
        Ok(Self {
            name: name.parse()?,
            socket: socket.unwrap_or_else(|| path.to_owned()).into(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = self.socket.to_string_lossy();
        match socket.strip_prefix('\0') {
            Some(name) => write!(f, "{}=unix:///@{name}", self.name),
            None => write!(f, "{}=unix://{socket}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_the_provider() {
        for (text, name, socket) in [
            ("unix:///run/kms/names.sock", "kms", "/run/kms/names.sock"),
            ("vendor-2=unix:///run/a=b.sock", "vendor-2", "/run/a=b.sock"),
            ("unix:///run/a=b.sock", "kms", "/run/a=b.sock"),
            ("unix:///@kms.sock", "kms", "\0kms.sock"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(
                (address.name.as_str(), address.socket.to_str().unwrap()),
                (name, socket)
            );
            assert_eq!(
                address.to_string().parse(),
                Ok(address),
                "{text} survives being shown"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("unix:///{}", "a".repeat(107));
        for (text, error) in [
            ("", AddressError::Socket),
            ("unix://", AddressError::Socket),
            ("unix:///", AddressError::Socket),
            ("unix:kms.sock", AddressError::Socket),
            ("unix://kms.sock", AddressError::Socket),
            ("tcp:///run/kms.sock", AddressError::Socket),
            ("unix:///run/\0kms.sock", AddressError::Socket),
            ("A=unix:///run/kms.sock", AddressError::Name),
            ("=unix:///run/kms.sock", AddressError::Name),
            (&long, AddressError::TooLong),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
