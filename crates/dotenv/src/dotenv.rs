//! What a `.env` says, whatever its spelling was.

use std::collections::HashSet;
use std::fmt;

use splitvault_crypto::SecretString;

use crate::error::{ParseError, ParseErrorKind};
use crate::limits;
use crate::name::Name;

/// One variable.
pub struct Variable {
    /// Its name.
    pub name: Name,
    /// Its value: any text without NUL, the empty one too.
    pub value: SecretString,
    /// What the lines of comment right above it and the one behind it say, without `#`, LF between lines.
    pub comment: Option<SecretString>,
}

/// The variables of one environment in their order: within the limits, each name once, no NUL.
pub struct Dotenv(Vec<Variable>);

impl Dotenv {
    /// The environment of these variables.
    ///
    /// # Errors
    /// A [`ParseError`] without a position: [`ParseErrorKind::TooManyEntries`], [`ParseErrorKind::ValueTooLarge`],
    /// [`ParseErrorKind::TooLarge`], [`ParseErrorKind::Nul`], or [`ParseErrorKind::Duplicate`] even for equal values.
    pub fn from_variables(variables: Vec<Variable>) -> Result<Self, ParseError> {
        if variables.len() > limits::ENTRIES {
            return Err(ParseErrorKind::TooManyEntries.without_position(None));
        }
        let mut total = 0;
        let mut seen = HashSet::with_capacity(variables.len());
        for variable in &variables {
            let fault = |kind: ParseErrorKind| kind.without_position(Some(variable.name.clone()));
            if !seen.insert(variable.name.as_str()) {
                return Err(fault(ParseErrorKind::Duplicate { first_line: None }));
            }
            if variable.value.len() > limits::VALUE {
                return Err(fault(ParseErrorKind::ValueTooLarge));
            }
            if variable.has_nul() {
                return Err(fault(ParseErrorKind::Nul));
            }
            total += variable.size();
        }
        if total > limits::TOTAL {
            return Err(ParseErrorKind::TooLarge.without_position(None));
        }
        Ok(Self(variables))
    }

    /// The variables, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Variable> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The variable of this name.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.iter().find(|variable| variable.name.as_str() == name)
    }

    /// The variables, in their order.
    pub fn into_variables(self) -> Vec<Variable> {
        self.0
    }
}

impl Variable {
    /// Bytes of name, value and comment together.
    pub(crate) fn size(&self) -> usize {
        let comment = self.comment.as_ref().map_or(0, SecretString::len);
        self.name.as_str().len() + self.value.len() + comment
    }

    fn has_nul(&self) -> bool {
        // EXPOSE: searched for NUL, which no process's environment can hold.
        let nul = |text: &SecretString| text.expose().contains('\0');
        nul(&self.value) || self.comment.as_ref().is_some_and(nul)
    }
}

impl<'a> IntoIterator for &'a Dotenv {
    type Item = &'a Variable;
    type IntoIter = std::slice::Iter<'a, Variable>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for Dotenv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dotenv({} variables)", self.len())
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variable")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, value: &str) -> Variable {
        Variable {
            name: Name::parse(name).unwrap(),
            value: SecretString::copy_of(value),
            comment: None,
        }
    }

    fn refused(variables: Vec<Variable>) -> ParseErrorKind {
        Dotenv::from_variables(variables).unwrap_err().kind
    }

    #[test]
    fn the_order_is_kept() {
        let dotenv = Dotenv::from_variables(vec![variable("B", "2"), variable("A", "")]).unwrap();
        let names: Vec<_> = dotenv.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["B", "A"]);
        assert_eq!(dotenv.get("B").unwrap().value.expose(), "2");
        assert!(dotenv.get("C").is_none());
    }

    #[test]
    fn each_limit_holds_and_no_less() {
        let many = |count: usize| (0..count).map(|i| variable(&format!("V{i}"), "")).collect();
        assert!(Dotenv::from_variables(many(limits::ENTRIES)).is_ok());
        assert_eq!(refused(many(limits::ENTRIES + 1)), ParseErrorKind::TooManyEntries);
        let wide = |size: usize| vec![variable("V", &"x".repeat(size))];
        assert!(Dotenv::from_variables(wide(limits::VALUE)).is_ok());
        assert_eq!(refused(wide(limits::VALUE + 1)), ParseErrorKind::ValueTooLarge);
        let full = (0..32).map(|i| variable(&format!("V{i:02}"), &"x".repeat(limits::VALUE - 3)));
        let mut full: Vec<_> = full.collect();
        assert!(Dotenv::from_variables(std::mem::take(&mut full)).is_ok());
        let over = (0..33).map(|i| variable(&format!("V{i:02}"), &"x".repeat(limits::VALUE - 3)));
        assert_eq!(refused(over.collect()), ParseErrorKind::TooLarge);
    }

    #[test]
    fn a_name_stands_once_and_a_value_has_no_nul() {
        let twice = vec![variable("A", "1"), variable("A", "1")];
        assert_eq!(refused(twice), ParseErrorKind::Duplicate { first_line: None });
        assert_eq!(refused(vec![variable("A", "a\0b")]), ParseErrorKind::Nul);
    }

    #[test]
    fn debug_tells_nothing() {
        let dotenv = Dotenv::from_variables(vec![variable("NAME", "swordfish")]).unwrap();
        assert_eq!(format!("{dotenv:?}"), "Dotenv(1 variables)");
        assert_eq!(format!("{:?}", dotenv.get("NAME").unwrap()), "Variable");
    }
}
