//! A heap of source numbers: which of several sorted sources comes next.

/// Sources that are not yet exhausted; the least stands first. What "less" means is told by the
/// caller at each step, since only it knows where each source stands.
pub(super) struct SourceHeap {
    sources: Vec<usize>,
}

impl SourceHeap {
    pub(super) fn new(sources: Vec<usize>, less: impl Fn(usize, usize) -> bool) -> SourceHeap {
        let mut heap = SourceHeap { sources };
        for at in (0..heap.sources.len() / 2).rev() {
            heap.sift(at, &less);
        }
        heap
    }

    /// The source that comes next.
    pub(super) fn first(&self) -> Option<usize> {
        self.sources.first().copied()
    }

    /// The source that would come next without the first one.
    pub(super) fn second(&self, less: impl Fn(usize, usize) -> bool) -> Option<usize> {
        match self.sources.as_slice() {
            [_, a, b, ..] => Some(if less(*b, *a) { *b } else { *a }),
            [_, a] => Some(*a),
            _ => None,
        }
    }

    /// The first source has moved on.
    pub(super) fn advanced(&mut self, less: impl Fn(usize, usize) -> bool) {
        self.sift(0, &less);
    }

    /// The first source is exhausted.
    pub(super) fn exhausted(&mut self, less: impl Fn(usize, usize) -> bool) {
        if !self.sources.is_empty() {
            self.sources.swap_remove(0);
            self.sift(0, &less);
        }
    }

    fn sift(&mut self, mut at: usize, less: &impl Fn(usize, usize) -> bool) {
        let heap = &mut self.sources;
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < heap.len() && less(heap[child], heap[least]) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            heap.swap(at, least);
            at = least;
        }
    }
}
