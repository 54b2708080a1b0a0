//! The JSON of a delivery: written into memory of the right size, read straight into secrets.

use std::fmt;
use std::io;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use splitvault_crypto::{SecretBytes, SecretString};

use super::{DecodeError, Delivery, EncodeError, Environment, Variable};

impl Delivery {
    /// The delivery as JSON, written once into memory of the right size.
    ///
    /// # Errors
    /// Not for any delivery that fits into memory.
    pub fn to_json(&self) -> Result<SecretBytes, EncodeError> {
        // EXPOSE: the JSON is sealed to the sidecar's key next; the view holds pointers only.
        let view = View::of(self);
        let mut count = Counter(0);
        serde_json::to_writer(&mut count, &view).map_err(|_| EncodeError)?;
        let mut json = Vec::with_capacity(count.0);
        serde_json::to_writer(&mut json, &view).map_err(|_| EncodeError)?;
        Ok(SecretBytes::from(json))
    }

    /// Reads what [`Delivery::to_json`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything that is no delivery.
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        // serde_json's own message would quote what it found.
        let read: Read = serde_json::from_slice(json).map_err(|error| DecodeError {
            line: error.line(),
            column: error.column(),
        })?;
        Ok(read.into())
    }
}

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

#[derive(Serialize)]
struct View<'a> {
    environments: Vec<EnvironmentView<'a>>,
}

#[derive(Serialize)]
struct EnvironmentView<'a> {
    name: &'a str,
    revision: u64,
    variables: Vec<VariableView<'a>>,
}

#[derive(Serialize)]
struct VariableView<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> View<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        let environments = delivery.environments.iter().map(EnvironmentView::of).collect();
        Self { environments }
    }
}

impl<'a> EnvironmentView<'a> {
    fn of(environment: &'a Environment) -> Self {
        let variables = environment.variables.iter().map(|variable| VariableView {
            name: variable.name.expose(),
            value: variable.value.expose(),
        });
        Self {
            name: &environment.name,
            revision: environment.revision,
            variables: variables.collect(),
        }
    }
}

#[derive(Deserialize)]
struct Read {
    environments: Vec<EnvironmentRead>,
}

#[derive(Deserialize)]
struct EnvironmentRead {
    name: String,
    revision: u64,
    variables: Vec<VariableRead>,
}

#[derive(Deserialize)]
struct VariableRead {
    name: Text,
    value: Text,
}

/// Text that goes straight into a secret.
struct Text(SecretString);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Copy;
        impl Visitor<'_> for Copy {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                if text.contains('\0') {
                    return Err(E::custom("NUL in text"));
                }
                Ok(Text(SecretString::copy_of(text)))
            }
        }
        deserializer.deserialize_str(Copy)
    }
}

impl From<Read> for Delivery {
    fn from(read: Read) -> Self {
        let environments = read.environments.into_iter().map(Environment::from).collect();
        Self { environments }
    }
}

impl From<EnvironmentRead> for Environment {
    fn from(read: EnvironmentRead) -> Self {
        let variables = read.variables.into_iter().map(|variable| Variable {
            name: variable.name.0,
            value: variable.value.0,
        });
        Self {
            name: read.name,
            revision: read.revision,
            variables: variables.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn delivery(variables: &[(String, String)]) -> Delivery {
        let variables = variables.iter().map(|(name, value)| Variable {
            name: SecretString::copy_of(name),
            value: SecretString::copy_of(value),
        });
        let environment = Environment {
            name: "web".to_owned(),
            revision: 3,
            variables: variables.collect(),
        };
        Delivery {
            environments: vec![environment],
        }
    }

    #[test]
    fn it_has_the_documented_shape() {
        let json = delivery(&[("A".to_owned(), "b\n\"".to_owned())])
            .to_json()
            .unwrap();
        let expected =
            br#"{"environments":[{"name":"web","revision":3,"variables":[{"name":"A","value":"b\n\""}]}]}"#;
        assert_eq!(json.expose(), expected);
    }

    #[test]
    fn what_is_no_delivery_is_refused_without_quoting_it() {
        let hostile: [&[u8]; 8] = [
            b"",
            b"CANARY",
            br#"{"environments":"CANARY"}"#,
            br#"{"environments":[{"name":"web","revision":-1,"variables":[]}]}"#,
            br#"{"environments":[{"name":"web","revision":1,"variables":[{"name":"A","value":4242}]}]}"#,
            br#"{"environments":[{"name":"web","revision":1,"variables":[{"name":"A","value":"\u0000"}]}]}"#,
            br#"{"environments":[{"name":"web","revision":1,"variables":[{"name":"CANARY"}]}]}"#,
            b"{\"environments\":[{\"name\":\"web\",\"revision\":1,\"variables\":[{\"name\":\"A\",\"value\":\"\xff\"}]}]}",
        ];
        for json in hostile {
            let error = Delivery::from_json(json).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("CANARY") && !told.contains("4242"), "{told}");
        }
    }

    #[test]
    fn every_prefix_is_refused() {
        let json = delivery(&[("A".to_owned(), "b".to_owned())]).to_json().unwrap();
        for end in 0..json.len() {
            assert!(Delivery::from_json(&json.expose()[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn debug_shows_counts_only() {
        let shown = format!("{:?}", delivery(&[("CANARY".to_owned(), "CANARY".to_owned())]));
        assert!(shown.contains("web") && !shown.contains("CANARY"), "{shown}");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(variables in prop::collection::vec(("[^\0]{0,20}", "[^\0]{0,200}"), 0..8)) {
            let json = delivery(&variables).to_json().unwrap();
            let read = Delivery::from_json(json.expose()).unwrap();
            let read = &read.environments[0];
            prop_assert_eq!((read.name.as_str(), read.revision), ("web", 3));
            let got = read.variables.iter().map(|v| (v.name.expose().to_owned(), v.value.expose().to_owned()));
            prop_assert_eq!(got.collect::<Vec<_>>(), variables);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _read = Delivery::from_json(&bytes);
        }
    }
}
