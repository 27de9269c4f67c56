//! The names of enumerations.

use base::{Result, bail};

/// The names of an enumeration with their numbers, sorted by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnumValues(Vec<(String, i16)>);

impl EnumValues {
    /// Checks that names and numbers are unique and sorts them.
    pub fn new(mut values: Vec<(String, i16)>) -> Result<EnumValues> {
        values.sort_by_key(|(_, number)| *number);
        let mut names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if values.is_empty() {
            bail!(EmptyDataPassed, "An enum needs at least one value");
        }
        if names.windows(2).any(|w| w[0] == w[1]) || values.windows(2).any(|w| w[0].1 == w[1].1) {
            bail!(SyntaxError, "Duplicate names or numbers in an enum");
        }
        Ok(EnumValues(values))
    }

    /// Names with numbers, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, i16)> {
        self.0.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// The name of a number.
    pub fn name(&self, number: i16) -> Option<&str> {
        let at = self.0.binary_search_by_key(&number, |(_, n)| *n).ok()?;
        Some(&self.0[at].0)
    }

    /// The number of a name.
    pub fn number(&self, name: &[u8]) -> Option<i16> {
        self.0.iter().find(|(n, _)| n.as_bytes() == name).map(|(_, number)| *number)
    }
}
