//! A panic of one piece of work becomes its error, so that what serves others goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, Result};

/// Runs `work`, which `who` names in errors. What it shares with others must be sound after a panic.
///
/// # Errors
/// Those of `work`; LOGICAL_ERROR where it panicked.
pub fn catch_panic<T>(who: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
        Err(Error::logical(format!("{who} panicked: {text}")))
    })
}

#[cfg(test)]
mod tests {
    use super::catch_panic;
    use crate::{ErrorCode, Result};

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(catch_panic("work", || Ok(3)), Ok(3));
        let number = 7;
        let failed: Result<()> = catch_panic("the merge", || panic!("number {number}"));
        let error = failed.err().map(|e| (e.code(), e.message().to_owned()));
        let (code, message) = error.unwrap_or((ErrorCode::Aborted, String::new()));
        assert_eq!(code, ErrorCode::LogicalError);
        assert!(message.contains("the merge panicked: number 7"), "{message}");
    }
}
