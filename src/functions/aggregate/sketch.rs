//! A HyperLogLog of 64-bit hashes, with Ertl's estimator (2017), which needs no tables of
//! corrections.

use base::Result;

use super::state_bytes::read_bytes;

/// Registers of the longest runs of zeros.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    bits: u8,
    registers: Box<[u8]>,
}

impl Sketch {
    /// With `2^bits` registers of a byte; the relative error is about `1.04 / sqrt(2^bits)`.
    pub(crate) fn new(bits: u8) -> Sketch {
        let bits = bits.clamp(4, 20);
        Sketch { bits, registers: vec![0; 1 << bits].into() }
    }

    /// Adds a hash.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64) {
        let at = (hash >> (64 - self.bits)) as usize;
        // A one behind the bits of the index bounds the run.
        let rest = hash << self.bits | 1 << (self.bits - 1);
        let rank = rest.leading_zeros() as u8 + 1;
        let register = &mut self.registers[at];
        *register = rank.max(*register);
    }

    /// Adds all that another has seen.
    pub(crate) fn merge(&mut self, other: &Sketch) {
        for (into, from) in self.registers.iter_mut().zip(&other.registers) {
            *into = (*into).max(*from);
        }
    }

    /// About how many different hashes were added.
    pub(crate) fn estimate(&self) -> u64 {
        let longest = usize::from(64 - self.bits);
        let mut counts = [0u32; 66];
        for register in &self.registers {
            counts[usize::from(*register).min(65)] += 1;
        }
        let size = self.registers.len() as f64;
        let mut sum = size * tau(1.0 - f64::from(counts[longest + 1]) / size);
        for count in counts[1..=longest].iter().rev() {
            sum = 0.5 * (sum + f64::from(*count));
        }
        sum += size * sigma(f64::from(counts[0]) / size);
        (size * size / (2.0 * std::f64::consts::LN_2 * sum)).round() as u64
    }

    /// Appends the registers.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.registers);
    }

    /// Reads what `write` wrote.
    pub(crate) fn read(bits: u8, bytes: &mut &[u8]) -> Result<Sketch> {
        let mut sketch = Sketch::new(bits);
        let registers = read_bytes(bytes, sketch.registers.len())?;
        sketch.registers.copy_from_slice(registers);
        Ok(sketch)
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        self.registers.len() + size_of::<Sketch>()
    }
}

/// The correction of registers that are still zero.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut y) = (x, 1.0);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

/// The correction of registers that are full.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x).powi(2) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}
