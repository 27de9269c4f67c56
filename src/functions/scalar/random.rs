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
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
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
    let types: Vec<DataType> = arguments.iter().take(2).map(|a| a.data_type.clone()).collect();
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
