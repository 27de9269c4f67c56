//! Ctrl-C while a query runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Notes Ctrl-C (SIGINT) instead of letting it end the process. Clones share one state. A second
/// Ctrl-C before the first was taken ends the process as usual.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Begins to note Ctrl-C. Where that cannot be set up, Ctrl-C goes on ending the process.
    pub fn install() -> Interrupt {
        let interrupt = Interrupt::default();
        let signal = signal_hook::consts::SIGINT;
        // The order matters: the first looks at what the second has set the time before.
        let first =
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&interrupt.0));
        let _ = first.and_then(|_| signal_hook::flag::register(signal, Arc::clone(&interrupt.0)));
        interrupt
    }

    /// Whether Ctrl-C was pressed since this was last asked.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}
