//! Random numbers and UUIDs.
//!
//! The generator is xoshiro256** (Blackman and Vigna), seeded anew for every block from the hasher keys
//! of the standard library, which come from the operating system.

use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use base::{Result, bail};
use expr::{Argument, Bound, Determinism, FunctionContext, FunctionDeclaration, Nulls};
use types::DataType;

use super::decimal_arithmetic::to_float;
use super::lane::{Values, argument, constant, flat, map, values};

pub(crate) const FUNCTIONS: &[FunctionDeclaration] = declare! { "Random number";
    "rand" | "rand32" any_case true (0, 1) "rand([x])" "A random UInt32; another argument makes it another call."
        "SELECT toTypeName(rand())" => "UInt32"; |_, _| Ok(Bound::new(DataType::UInt32, |_, rows| {
            let mut random = Random::new();
            Ok(flat((0..rows).map(|_| (random.next() >> 32) as u32).collect()))
        })), nulls: Nulls::Custom, determinism: Determinism::Never;
    "rand64" (0, 1) "rand64([x])" "A random UInt64."
        "SELECT toTypeName(rand64())" => "UInt64"; |_, _| Ok(Bound::new(DataType::UInt64, |_, rows| {
            let mut random = Random::new();
            Ok(flat((0..rows).map(|_| random.next()).collect()))
        })), nulls: Nulls::Custom, determinism: Determinism::Never;
    "randCanonical" (0, 1) "randCanonical([x])" "A random Float64 from 0 up to 1."
        "SELECT randCanonical() < 1" => "1"; |_, _| Ok(Bound::new(DataType::Float64, |_, rows| {
            let mut random = Random::new();
            Ok(flat((0..rows).map(|_| random.unit()).collect()))
        })), nulls: Nulls::Custom, determinism: Determinism::Never;
    "randConstant" (0, 1) "randConstant([x])" "A random UInt32, the same in all rows of the query."
        "SELECT toTypeName(randConstant())" => "UInt32"; bind_constant, nulls: Nulls::Custom, determinism: Determinism::WithinQuery;
    "randUniform" (2, 3) "randUniform(low, high)" "A random Float64 between two bounds."
        "SELECT randUniform(5, 5)" => "5"; |_, a| drawn(a, "randUniform", |r, low, high| low + r.unit() * (high - low)), determinism: Determinism::Never;
    "randNormal" (2, 3) "randNormal(mean, deviation)" "A random Float64 of the normal distribution."
        "SELECT randNormal(5, 0)" => "5"; |_, a| drawn(a, "randNormal", |r, mean, deviation| mean + deviation * r.normal()), determinism: Determinism::Never;
    "randExponential" (1, 2) "randExponential(lambda)" "A random Float64 of the exponential distribution."
        "SELECT randExponential(1) >= 0" => "1"; |_, a| drawn(a, "randExponential", |r, lambda, _| -(1.0 - r.unit()).ln() / lambda), determinism: Determinism::Never;
    "randLogNormal" (2, 3) "randLogNormal(mean, deviation)" "A random Float64 whose logarithm is of the normal distribution."
        "SELECT randLogNormal(0, 0)" => "1"; |_, a| drawn(a, "randLogNormal", |r, mean, deviation| (mean + deviation * r.normal()).exp()), determinism: Determinism::Never;
    "randChiSquared" (1, 2) "randChiSquared(freedom)" "A random Float64 of the chi-squared distribution."
        "SELECT randChiSquared(3) >= 0" => "1"; |_, a| drawn(a, "randChiSquared", |r, freedom, _| 2.0 * r.gamma(freedom / 2.0)), determinism: Determinism::Never;
    "randStudentT" (1, 2) "randStudentT(freedom)" "A random Float64 of Student's distribution."
        "SELECT isFinite(randStudentT(5))" => "1"; |_, a| drawn(a, "randStudentT", |r, freedom, _| {
            r.normal() / (2.0 * r.gamma(freedom / 2.0) / freedom).sqrt()
        }), determinism: Determinism::Never;
    "randFisherF" (2, 3) "randFisherF(freedom1, freedom2)" "A random Float64 of Fisher's F distribution."
        "SELECT randFisherF(3, 4) >= 0" => "1"; |_, a| drawn(a, "randFisherF", |r, first, second| {
            (r.gamma(first / 2.0) / first) / (r.gamma(second / 2.0) / second)
        }), determinism: Determinism::Never;
    "randBernoulli" (1, 2) "randBernoulli(probability)" "1 with a probability, else 0."
        "SELECT randBernoulli(1)" => "1"; |_, a| counts(a, "randBernoulli", DataType::UInt8, |r, p, _| u64::from(r.unit() < p)), determinism: Determinism::Never;
    "randBinomial" (2, 3) "randBinomial(trials, probability)" "How many of some trials succeed, each with a probability."
        "SELECT randBinomial(3, 1)" => "3"; |_, a| counts(a, "randBinomial", DataType::UInt64, |r, n, p| r.binomial(n, p)), determinism: Determinism::Never;
    "randNegativeBinomial" (2, 3) "randNegativeBinomial(successes, probability)" "How many trials fail before so many succeed, each with a probability."
        "SELECT randNegativeBinomial(3, 1)" => "0"; |_, a| counts(a, "randNegativeBinomial", DataType::UInt64, |r, n, p| {
            let mean = r.gamma(n) * (1.0 - p) / p;
            r.poisson(mean)
        }), determinism: Determinism::Never;
    "randPoisson" (1, 2) "randPoisson(mean)" "A random number of the Poisson distribution."
        "SELECT randPoisson(0)" => "0"; |_, a| counts(a, "randPoisson", DataType::UInt64, |r, mean, _| r.poisson(mean)), determinism: Determinism::Never;
    "generateUUIDv4" (0, 1) "generateUUIDv4([x])" "A random UUID."
        "SELECT toTypeName(generateUUIDv4())" => "UUID"; |_, _| Ok(Bound::new(DataType::Uuid, |_, rows| {
            let mut random = Random::new();
            Ok(flat((0..rows).map(|_| as_uuid(random.wide(), 4)).collect()))
        })), nulls: Nulls::Custom, determinism: Determinism::Never;
    "generateUUIDv7" (0, 1) "generateUUIDv7([x])" "A UUID of the present millisecond with random bits; later ones are greater."
        "SELECT toTypeName(generateUUIDv7())" => "UUID"; |_, _| Ok(Bound::new(DataType::Uuid, |_, rows| {
            let mut random = Random::new();
            Ok(flat(ordered_uuids(&mut random, rows)))
        })), nulls: Nulls::Custom, determinism: Determinism::Never;
};

/// A generator of random bits; not for secrets.
pub(crate) struct Random([u64; 4]);

impl Random {
    /// Seeded by the operating system.
    pub(crate) fn new() -> Random {
        let mut state = [0_u64; 4];
        for (at, word) in state.iter_mut().enumerate() {
            let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
            hasher.write_usize(at);
            *word = hasher.finish() | 1;
        }
        Random(state)
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// From 0 up to 1, of 53 random bits.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of the gamma distribution of scale 1, by the method of Marsaglia and Tsang.
    fn gamma(&mut self, shape: f64) -> f64 {
        if !(shape > 0.0 && shape.is_finite()) {
            return if shape == 0.0 { 0.0 } else { f64::NAN };
        }
        if shape < 1.0 {
            let boost = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let normal = self.normal();
            let v = (1.0 + c * normal).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < normal * normal / 2.0 + d - d * v + d * v.ln()
            {
                return d * v;
            }
        }
    }

    /// Of the Poisson distribution: by products while the mean is small; a greater one is halved by
    /// the order statistics of its waiting times (Ahrens and Dieter).
    fn poisson(&mut self, mut mean: f64) -> u64 {
        let mut count = 0_u64;
        while mean > 30.0 && mean.is_finite() {
            let events = (mean * 0.875).floor();
            let time = self.gamma(events);
            if time > mean {
                return count + self.binomial(events - 1.0, mean / time);
            }
            count += events as u64;
            mean -= time;
        }
        let limit = (-mean).exp();
        let mut product = 1.0 - self.unit();
        while product > limit {
            count += 1;
            product *= 1.0 - self.unit();
        }
        count
    }

    /// How many of some trials succeed: one by one while they are few; more are halved by the middle one of
    /// as many uniform numbers, which is of the beta distribution.
    fn binomial(&mut self, trials: f64, mut probability: f64) -> u64 {
        let (mut left, mut count) = (trials.clamp(0.0, 1e18) as u64, 0_u64);
        while left > 32 && probability > 0.0 && probability < 1.0 {
            let middle = left / 2 + 1;
            let (below, above) =
                (self.gamma(middle as f64), self.gamma((left + 1 - middle) as f64));
            let split = below / (below + above);
            if split <= probability {
                count += middle;
                left -= middle;
                probability = (probability - split) / (1.0 - split);
            } else {
                left = middle - 1;
                probability /= split;
            }
        }
        if probability >= 1.0 {
            return count + left;
        }
        count + (0..left.min(32)).filter(|_| self.unit() < probability).count() as u64
    }

    /// By the method of Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// Random bits with a UUID's version and variant.
pub(crate) fn as_uuid(bits: u128, version: u128) -> u128 {
    bits & !(0xF << 76) & !(0x3 << 62) | version << 76 | 0x2 << 62
}

/// UUIDs of version 7: 48 bits of milliseconds, a counter of 42 bits that grows, 32 random bits.
fn ordered_uuids(random: &mut Random, rows: usize) -> Vec<u128> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let mut counter = u128::from(random.next() >> 23);
    let mut out = Vec::with_capacity(rows);
    for _ in 0..rows {
        counter = (counter + 1) & ((1 << 42) - 1);
        let bits = (now & 0xFFFF_FFFF_FFFF) << 80
            | (counter >> 30) << 64
            | (counter & 0x3FFF_FFFF) << 32
            | u128::from(random.next() >> 32);
        out.push(as_uuid(bits, 7));
    }
    out
}

fn bind_constant(context: &FunctionContext, _: &[Argument]) -> Result<Bound> {
    // The same on every worker of the query: from its id and its start.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in context.query_id.bytes().chain(context.now_nanoseconds.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    let number = (hash >> 32) as u32;
    Ok(Bound::new(DataType::UInt32, move |_, rows| Ok(constant(number, rows))))
}

fn drawn(arguments: &[Argument], name: &str, f: fn(&mut Random, f64, f64) -> f64) -> Result<Bound> {
    let one = matches!(name, "randExponential" | "randChiSquared" | "randStudentT");
    let parameters = if one { 1 } else { 2 };
    let types: Vec<DataType> =
        arguments.iter().take(parameters).map(|a| a.data_type.clone()).collect();
    if let Some(bad) = types.iter().find(|t| !t.is_number()) {
        return Err(super::number_type::illegal(bad, name));
    }
    let two = types.len() == 2;
    Ok(Bound::new(DataType::Float64, move |columns, rows| {
        let mut random = Random::new();
        let first = to_float(argument(columns, 0)?, &types[0])?;
        let second = match types.get(1) {
            Some(data_type) => to_float(argument(columns, 1)?, data_type)?,
            None => constant(0.0_f64, rows),
        };
        let (a, b) = (values::<f64>(&first)?, values::<f64>(&second)?);
        if let (Values::One(a), Values::One(b)) = (&a, &b)
            && (!a.is_finite() || (two && !b.is_finite()))
        {
            bail!(BadArguments, "The parameters of a distribution must be finite");
        }
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            out.push(f(&mut random, a.at(row), b.at(row)));
        }
        map::<f64, f64>(&flat(out), |v| v)
    }))
}

/// As `drawn`, for distributions of whole numbers.
fn counts(
    arguments: &[Argument],
    name: &'static str,
    return_type: DataType,
    f: fn(&mut Random, f64, f64) -> u64,
) -> Result<Bound> {
    let types: Vec<DataType> = arguments.iter().take(2).map(|a| a.data_type.clone()).collect();
    let two = matches!(name, "randBinomial" | "randNegativeBinomial");
    if let Some(bad) = types[..if two { 2 } else { 1 }].iter().find(|t| !t.is_number()) {
        return Err(super::number_type::illegal(bad, name));
    }
    let probability = name != "randPoisson";
    let narrow = return_type == DataType::UInt8;
    Ok(Bound::new(return_type, move |columns, rows| {
        let mut random = Random::new();
        let first = to_float(argument(columns, 0)?, &types[0])?;
        let second = match two {
            true => to_float(argument(columns, 1)?, &types[1])?,
            false => constant(0.0_f64, rows),
        };
        let (a, b) = (values::<f64>(&first)?, values::<f64>(&second)?);
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let (a, b) = (a.at(row), b.at(row));
            let share = if two { b } else { a };
            let fine = a.is_finite() && a >= 0.0 && (!probability || (0.0..=1.0).contains(&share));
            if !fine || name == "randNegativeBinomial" && b == 0.0 {
                bail!(BadArguments, "The parameters of function {name} are no distribution's");
            }
            out.push(f(&mut random, a, b));
        }
        Ok(match narrow {
            true => flat(out.into_iter().map(|n| n as u8).collect()),
            false => flat(out),
        })
    }))
}
