//! Random environments, at and within the limits of what a dialect holds.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use splitvault_crypto::SecretString;
use splitvault_dotenv::{Dialect, Dotenv, Name, Variable, can_hold, write};

/// Bytes of the longest value, of a `.env` and of kubelet alike.
const LONGEST: usize = 32 * 1024;

/// What is sealed, and what has to arrive.
pub(super) struct Environment {
    /// Of the VaultSecret.
    pub(super) name: String,
    /// What is sealed.
    pub(super) dotenv: String,
    /// Name to value.
    pub(super) variables: BTreeMap<String, Vec<u8>>,
}

/// Draws environments that can be sealed from a `.env`, and that `dialect` can hold.
pub(super) struct Draw {
    dialect: Dialect,
    runner: TestRunner,
}

impl Draw {
    /// Begins with the seed in `SPLITVAULT_SEED`, or with a random one, and says which.
    #[expect(clippy::print_stdout, reason = "shown with a test that fails")]
    pub(super) fn new(dialect: Dialect) -> Self {
        let seed = match std::env::var("SPLITVAULT_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => getrandom::u64().unwrap(),
        };
        println!("drawn with SPLITVAULT_SEED={seed}");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let runner = TestRunner::new_with_rng(Config::default(), random);
        Self { dialect, runner }
    }

    /// Environments of one to four variables, no name twice in all of them.
    pub(super) fn environments(&mut self, count: usize) -> Vec<Environment> {
        (0..count)
            .map(|number| {
                let drawn = self.draw(vec((name(), value_in(self.dialect)), 1..5));
                let variables = (0..).zip(drawn).map(|(place, (name, value))| {
                    // What makes it unique; and no pod's own variables and none of ours are called so.
                    (format!("{name}_{number}_{place}"), value)
                });
                self.environment(&format!("random-{number}"), variables.collect())
            })
            .collect()
    }

    /// An environment with a name of `longest` bytes, the longest value, an empty one, and the shortest name.
    pub(super) fn at_the_limits(&mut self, environment: &str, longest: usize) -> Environment {
        let value = self.value_of(LONGEST);
        let short = self.draw(value_in(self.dialect));
        let variables = [
            ("N".repeat(longest), short),
            ("LONGEST".to_owned(), value),
            ("EMPTY".to_owned(), String::new()),
            ("_".to_owned(), "the shortest name".to_owned()),
        ];
        self.environment(environment, variables.into())
    }

    /// An environment that takes exactly so many bytes in the dialect.
    pub(super) fn filling(&mut self, environment: &str, bytes: usize) -> Environment {
        let first = self.value_of(LONGEST);
        let taken = |second: &str| {
            let variables = [
                ("A".to_owned(), first.clone()),
                ("B".to_owned(), second.to_owned()),
            ];
            write(&dotenv(&variables.into()), self.dialect).unwrap().len()
        };
        let rest = bytes - taken("b") + 1;
        let second = "b".repeat(rest);
        assert_eq!(taken(&second), bytes);
        self.environment(
            environment,
            [("A".to_owned(), first), ("B".to_owned(), second)].into(),
        )
    }

    /// A value of so many bytes, without what some dialect cannot hold beside something else.
    fn value_of(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes);
        while text.len() < bytes {
            let more = self.draw(value()).replace(['\'', '\r'], "x");
            text.extend(more.chars().scan(bytes - text.len(), |room, c| {
                *room = room.checked_sub(c.len_utf8())?;
                Some(c)
            }));
            // Where the next character would be too long.
            if bytes - text.len() < 4 {
                text.push_str(&"x".repeat(bytes - text.len()));
            }
        }
        text
    }

    fn draw<S: Strategy>(&mut self, strategy: S) -> S::Value {
        strategy.new_tree(&mut self.runner).unwrap().current()
    }

    fn environment(&self, name: &str, variables: BTreeMap<String, String>) -> Environment {
        let text = write(&dotenv(&variables), Dialect::Npm).unwrap();
        Environment {
            name: name.to_owned(),
            dotenv: text.expose().to_owned(),
            variables: variables
                .into_iter()
                .map(|(name, value)| (name, value.into_bytes()))
                .collect(),
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z_][A-Za-z0-9_]{0,15}", "[A-Za-z_][A-Za-z0-9_]{80}"]
}

/// Of what is special to somebody on the way: `.env`, JSON, YAML, kubelet, a shell; and of anything else but NUL.
fn value() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "'",
        "\"",
        "`",
        "\\",
        "\\\\",
        "\n",
        "\n\n",
        "\r",
        "\r\n",
        " ",
        "\t",
        "#",
        " #",
        "$",
        "$$",
        "${",
        "}",
        "${A}",
        "$(A)",
        "$(id)",
        "\\n",
        "\\u0041",
        "=",
        "A=1",
        "\nA=1\n",
        "%s",
        ": ",
        "- ",
        "---",
        "{",
        "[",
        "null",
        "no",
        "~",
        "0x1F",
        "1e3",
        "true",
        "<",
        "&",
        "xyz",
        "é",
        "東京",
        "🔐",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{1}",
        "\u{1b}[31m",
    ]);
    prop_oneof![
        1 => Just(String::new()),
        12 => vec(pieces, 1..12).prop_map(|pieces| pieces.concat()),
        6 => "[^\0]{1,60}",
        1 => "[ -~]{200,600}",
    ]
}

/// A value that can be sealed from a `.env` and that this dialect holds.
fn value_in(dialect: Dialect) -> impl Strategy<Value = String> {
    value().prop_filter("a value of the dialect", move |value| {
        let variable = variable("A", value);
        can_hold(Dialect::Npm, &variable) && can_hold(dialect, &variable)
    })
}

fn variable(name: &str, value: &str) -> Variable {
    Variable {
        name: Name::parse(name).unwrap(),
        value: SecretString::copy_of(value),
        comment: None,
    }
}

fn dotenv(variables: &BTreeMap<String, String>) -> Dotenv {
    let variables = variables.iter().map(|(name, value)| variable(name, value));
    Dotenv::from_variables(variables.collect()).unwrap()
}
