//! Examples in the documentation of what SQL can name.

/// An example of a function's, type's, setting's or format's documentation; it is run as a test.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// One statement, or several, each but the last ended by `;`.
    pub sql: &'static str,
    /// Its answers in TabSeparated unless it names a format, without the last line feed; the start of the
    /// error's message, from `Code: ` on, where it ends in one.
    pub result: &'static str,
}
