//! The distinct values of a page: counted by place when the range is small, else by hashing.

use crate::word::Word;

use super::dictionary::MAX_DISTINCT;

/// Ranges up to this many values are counted by place.
const DIRECT: u64 = 1 << 12;
/// Values that are looked at first; if nearly all of them differ, so does the rest.
const SAMPLE: usize = 1024;

/// Distinct values, with the code of every value looked at.
pub(crate) struct Distinct<W> {
    pub(crate) values: Vec<W>,
    pub(crate) codes: Vec<u16>,
    /// Position of the value with the greatest weight, and that weight.
    pub(crate) top: (usize, usize),
    sorted: bool,
}

/// Collects the distinct values, each weighed by `weight(position)`; None when they are so
/// many that a dictionary cannot pay.
pub(crate) fn distinct<W: Word>(
    values: &[W],
    min: W,
    max: W,
    flip: W,
    weight: impl Fn(usize) -> usize,
) -> Option<Distinct<W>> {
    let range = max.minus(min).to_u64();
    if range < DIRECT {
        return Some(by_place(values, min, range as usize, flip, weight));
    }
    if values.len() >= 2 * SAMPLE {
        let step = values.len() / SAMPLE;
        let mut table = Table::new(SAMPLE);
        let mut found = Vec::new();
        for value in values.iter().step_by(step).take(SAMPLE) {
            table.code(*value, &mut found);
        }
        if found.len() > SAMPLE * 98 / 100 {
            return None;
        }
    }
    by_hash(values, weight)
}

fn by_place<W: Word>(
    values: &[W],
    min: W,
    range: usize,
    flip: W,
    weight: impl Fn(usize) -> usize,
) -> Distinct<W> {
    let place = |value: &W| value.xor(flip).minus(min).to_u64() as usize;
    let mut weights = vec![0_u32; range + 1];
    for (at, value) in values.iter().enumerate() {
        weights[place(value)] += weight(at) as u32;
    }
    let mut code_of = vec![0_u16; range + 1];
    let mut found = Vec::new();
    let mut top = (0, 0);
    for (at, weight) in weights.iter().enumerate() {
        if *weight > 0 {
            code_of[at] = found.len() as u16;
            if *weight as usize > top.1 {
                top = (found.len(), *weight as usize);
            }
            found.push(min.plus(W::from_u64(at as u64)).xor(flip));
        }
    }
    let codes = values.iter().map(|value| code_of[place(value)]).collect();
    Distinct { values: found, codes, top, sorted: true }
}

fn by_hash<W: Word>(values: &[W], weight: impl Fn(usize) -> usize) -> Option<Distinct<W>> {
    let mut table = Table::new(values.len().min(MAX_DISTINCT));
    let mut found: Vec<W> = Vec::new();
    let mut codes = Vec::with_capacity(values.len());
    for value in values {
        let code = table.code(*value, &mut found);
        if found.len() > MAX_DISTINCT {
            return None;
        }
        codes.push(code as u16);
    }
    let mut weights = vec![0_u32; found.len()];
    for (at, code) in codes.iter().enumerate() {
        weights[usize::from(*code)] += weight(at) as u32;
    }
    let top = weights.iter().enumerate().max_by_key(|(_, weight)| **weight);
    let top = top.map_or((0, 0), |(at, weight)| (at, *weight as usize));
    Some(Distinct { values: found, codes, top, sorted: false })
}

impl<W: Word> Distinct<W> {
    /// Puts the values in the order of `value ^ flip`, and the codes and the top with them.
    pub(crate) fn sort(&mut self, flip: W) {
        if self.sorted {
            return;
        }
        let numbered = self.values.iter().enumerate();
        let mut order: Vec<(W, u16)> =
            numbered.map(|(at, value)| (value.xor(flip), at as u16)).collect();
        order.sort_unstable();
        let mut rank = vec![0_u16; order.len()];
        for (at, (value, code)) in order.iter().enumerate() {
            rank[usize::from(*code)] = at as u16;
            self.values[at] = value.xor(flip);
        }
        for code in &mut self.codes {
            *code = rank[usize::from(*code)];
        }
        self.top.0 = usize::from(rank[self.top.0]);
        self.sorted = true;
    }
}

/// Open addressing from values to their positions in a list.
struct Table {
    slots: Vec<u32>,
    shift: u32,
}

impl Table {
    /// For at most `count` values, at most half full.
    fn new(count: usize) -> Table {
        let bits = (count.max(8) * 2).next_power_of_two().trailing_zeros();
        Table { slots: vec![0; 1 << bits], shift: 64 - bits }
    }

    /// The position of the value, which is appended to the list when it is new.
    fn code<W: Word>(&mut self, value: W, found: &mut Vec<W>) -> usize {
        // Multiplication by an odd number near 2^64 / golden ratio spreads low bits upwards.
        let hash = value.to_u64().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = (hash >> self.shift) as usize;
        loop {
            match self.slots[slot] {
                0 => {
                    found.push(value);
                    self.slots[slot] = found.len() as u32;
                    return found.len() - 1;
                }
                taken if found[taken as usize - 1] == value => return taken as usize - 1,
                _ => slot = (slot + 1) & (self.slots.len() - 1),
            }
        }
    }
}
