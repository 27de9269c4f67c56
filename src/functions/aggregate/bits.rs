//! Bitwise aggregates, and counts of distinct integers by bitmaps.

use std::marker::PhantomData;

use arrow_array::ArrayRef;
use base::{Result, bail};
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate};
use roaring::RoaringTreemap;
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::grouped::{Function, bound};
use super::kind::{self, Kind, input, integers, with_kind, wrong_layout};
use super::state_bytes::{Plain, corrupt, read_string, write_string};
use super::wide_folds::{self, Fold};

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    AggregateDeclaration {
        name: "groupBitAnd",
        aliases: &["BIT_AND"],
        case_insensitive: true,
        syntax: "groupBitAnd(x)",
        description: "The bits that are set in all integers.",
        examples: &[example("SELECT groupBitAnd(number + 12) FROM numbers(4)", "12")],
        bind: |_, call| bind_bits(call, Operation::And),
        ..USUAL
    },
    AggregateDeclaration {
        name: "groupBitOr",
        aliases: &["BIT_OR"],
        case_insensitive: true,
        syntax: "groupBitOr(x)",
        description: "The bits that are set in any integer.",
        examples: &[example("SELECT groupBitOr(number) FROM numbers(6)", "7")],
        bind: |_, call| bind_bits(call, Operation::Or),
        ..USUAL
    },
    AggregateDeclaration {
        name: "groupBitXor",
        aliases: &["BIT_XOR"],
        case_insensitive: true,
        syntax: "groupBitXor(x)",
        description: "The bits that are set in an odd number of integers.",
        examples: &[example("SELECT groupBitXor(number) FROM numbers(6)", "1")],
        bind: |_, call| bind_bits(call, Operation::Xor),
        ..USUAL
    },
    AggregateDeclaration {
        name: "groupBitmap",
        syntax: "groupBitmap(x)",
        description: "How many different integers there are, by a compressed bitmap; of the argument's type.",
        examples: &[example("SELECT groupBitmap(number % 3) FROM numbers(10)", "3")],
        bind: |_, call| bind_bitmap(call, Some(Union)),
        ..USUAL
    },
    AggregateDeclaration {
        name: "groupBitmapOr",
        syntax: "groupBitmapOr(bitmap)",
        description: "How many integers are in any of the bitmaps (states of groupBitmap).",
        examples: &[example(
            "SELECT groupBitmapOr(b) FROM (SELECT groupBitmapState(number) AS b FROM numbers(6) GROUP BY number % 2)",
            "6",
        )],
        bind: |_, call| bind_bitmap_of_states(call, Combine::Or),
        ..USUAL
    },
    AggregateDeclaration {
        name: "groupBitmapAnd",
        syntax: "groupBitmapAnd(bitmap)",
        description: "How many integers are in all of the bitmaps (states of groupBitmap).",
        examples: &[example(
            "SELECT groupBitmapAnd(b) FROM (SELECT groupBitmapState(number) AS b FROM numbers(6) GROUP BY number % 2)",
            "0",
        )],
        bind: |_, call| bind_bitmap_of_states(call, Combine::And),
        ..USUAL
    },
    AggregateDeclaration {
        name: "groupBitmapXor",
        syntax: "groupBitmapXor(bitmap)",
        description: "How many integers are in an odd number of the bitmaps (states of groupBitmap).",
        examples: &[example(
            "SELECT groupBitmapXor(b) FROM (SELECT groupBitmapState(number) AS b FROM numbers(6) GROUP BY number % 2)",
            "6",
        )],
        bind: |_, call| bind_bitmap_of_states(call, Combine::Xor),
        ..USUAL
    },
];

#[derive(Debug, Clone, Copy)]
enum Operation {
    And,
    Or,
    Xor,
}

impl Operation {
    fn apply(self, a: u128, b: u128) -> u128 {
        match self {
            Operation::And => a & b,
            Operation::Or => a | b,
            Operation::Xor => a ^ b,
        }
    }
}

fn bind_bits(call: &AggregateArguments<'_>, operation: Operation) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    let result = match data_type {
        DataType::Bool => DataType::UInt8,
        t if t.is_integer() => t.clone(),
        other => bail!(
            IllegalTypeOfArgument,
            "The type {other} of argument for aggregate function {} is illegal, because it cannot \
             be used in bitwise operations",
            call.name
        ),
    };
    if data_type.wide_sign().is_some() {
        let fold = match operation {
            Operation::And => Fold::And,
            Operation::Or => Fold::Or,
            Operation::Xor => Fold::Xor,
        };
        return Ok(wide_folds::bind(data_type, result, fold));
    }
    with_kind!(data_type, K => {
        Ok(bound(result, Bits::<K> { operation, kind: PhantomData }))
    }, otherwise Err(call.illegal(data_type)))
}

/// Bits of up to 64-bit integers in 64 bits, of larger ones in 128.
struct Bits<K> {
    operation: Operation,
    kind: PhantomData<fn() -> K>,
}

/// The low bits of an integer in its kind.
fn cut<K: Kind>(bits: u128) -> K::Native {
    let bytes = bits.to_le_bytes();
    K::Native::read(&mut bytes.as_slice()).unwrap_or_default()
}

impl<K: Kind> Function for Bits<K> {
    type State = K::Native;

    fn empty(&self) -> K::Native {
        match self.operation {
            Operation::And => cut::<K>(u128::MAX),
            Operation::Or | Operation::Xor => K::Native::default(),
        }
    }

    fn update(&self, states: &mut [K::Native], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let operation = self.operation;
        let bits = |value| K::to_i128(value) as u128;
        input::<K>(arguments, 0)?.for_each(groups, |group, value| {
            states[group] = cut::<K>(operation.apply(bits(states[group]), bits(value)));
        });
        Ok(())
    }

    fn merge(&self, into: &mut K::Native, from: &K::Native) -> Result<()> {
        let bits = |value| K::to_i128(value) as u128;
        *into = cut::<K>(self.operation.apply(bits(*into), bits(*from)));
        Ok(())
    }

    fn write(&self, state: &K::Native, out: &mut Vec<u8>) {
        state.write(out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<K::Native> {
        Plain::read(bytes)
    }

    fn finish(&self, states: &mut [K::Native]) -> Result<ArrayRef> {
        Ok(kind::array::<K>(states.to_vec()))
    }
}

/// How bitmaps come together.
#[derive(Debug, Clone, Copy)]
enum Combine {
    Or,
    And,
    Xor,
}

/// Marks the function that takes integers.
struct Union;

fn bind_bitmap(call: &AggregateArguments<'_>, _: Option<Union>) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    if !data_type.is_integer() || data_type.bits() >= Some(128) {
        return Err(call.illegal(data_type));
    }
    let data_type = data_type.clone();
    Ok(bound(data_type.clone(), Bitmap { data_type, combine: None }))
}

fn bind_bitmap_of_states(
    call: &AggregateArguments<'_>,
    combine: Combine,
) -> Result<BoundAggregate> {
    call.no_parameters()?;
    let data_type = call.only()?;
    let of = match data_type {
        DataType::AggregateFunction(about) if about.0 == "groupBitmap" => about.2.first(),
        _ => None,
    };
    let Some(of) = of else { return Err(call.illegal(data_type)) };
    let data_type = of.inner().clone();
    Ok(bound(data_type.clone(), Bitmap { data_type, combine: Some(combine) }))
}

/// A bitmap, and whether any was taken yet (the intersection of none is not empty).
#[derive(Debug, Clone, Default)]
struct BitmapState {
    bitmap: RoaringTreemap,
    taken: bool,
}

fn write_bitmap(bitmap: &RoaringTreemap, out: &mut Vec<u8>) {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    // Writing into memory does not fail.
    let _ = bitmap.serialize_into(&mut bytes);
    write_string(&bytes, out);
}

fn read_bitmap(bytes: &mut &[u8]) -> Result<RoaringTreemap> {
    RoaringTreemap::deserialize_from(read_string(bytes)?).map_err(|_| corrupt())
}

/// The bitmap that a state of `groupBitmap` holds.
pub(super) fn bitmap_of(mut state: &[u8]) -> Result<RoaringTreemap> {
    match state.split_off_first() {
        None => Ok(RoaringTreemap::new()),
        Some(&Bitmap::VERSION) => {
            bool::read(&mut state)?;
            read_bitmap(&mut state)
        }
        Some(_) => Err(corrupt()),
    }
}

/// The state of `groupBitmap` that holds a bitmap.
pub(super) fn bitmap_bytes(bitmap: &RoaringTreemap) -> Vec<u8> {
    let mut state = vec![Bitmap::VERSION];
    true.write(&mut state);
    write_bitmap(bitmap, &mut state);
    state
}

struct Bitmap {
    data_type: DataType,
    /// How states are combined where the argument is one.
    combine: Option<Combine>,
}

impl Bitmap {
    fn take(&self, state: &mut BitmapState, other: &RoaringTreemap) {
        match self.combine {
            _ if !state.taken => state.bitmap = other.clone(),
            None | Some(Combine::Or) => state.bitmap |= other,
            Some(Combine::And) => state.bitmap &= other,
            Some(Combine::Xor) => state.bitmap ^= other,
        }
        state.taken = true;
    }

    /// The bits of an integer of the type, without those of its sign.
    fn mask(&self) -> u64 {
        match self.data_type.bits() {
            Some(bits @ 1..=63) => (1 << bits) - 1,
            _ => u64::MAX,
        }
    }
}

impl Function for Bitmap {
    type State = BitmapState;

    fn empty(&self) -> BitmapState {
        BitmapState::default()
    }

    fn update(
        &self,
        states: &mut [BitmapState],
        groups: &[u32],
        arguments: &[Column],
    ) -> Result<()> {
        if self.combine.is_none() {
            let mask = self.mask();
            let values = integers(arguments, 0, &self.data_type, groups.len())?;
            for (group, value) in groups.iter().zip(values) {
                let state = &mut states[*group as usize];
                state.bitmap.insert(value as u64 & mask);
                state.taken = true;
            }
            return Ok(());
        }
        use arrow_array::cast::AsArray;
        let array = arguments.first().ok_or_else(wrong_layout)?.to_flat()?;
        let bytes = array.as_binary_view_opt().ok_or_else(wrong_layout)?;
        for (row, group) in groups.iter().enumerate() {
            self.take(&mut states[*group as usize], &bitmap_of(bytes.value(row))?);
        }
        Ok(())
    }

    fn merge(&self, into: &mut BitmapState, from: &BitmapState) -> Result<()> {
        if from.taken {
            self.take(into, &from.bitmap);
        }
        Ok(())
    }

    fn write(&self, state: &BitmapState, out: &mut Vec<u8>) {
        state.taken.write(out);
        write_bitmap(&state.bitmap, out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<BitmapState> {
        let taken = bool::read(bytes)?;
        Ok(BitmapState { bitmap: read_bitmap(bytes)?, taken })
    }

    fn finish(&self, states: &mut [BitmapState]) -> Result<ArrayRef> {
        with_kind!(&self.data_type, K => {
            let counts = states.iter().map(|s| cut::<K>(u128::from(s.bitmap.len())));
            Ok(kind::array::<K>(counts.collect()))
        }, otherwise Err(wrong_layout()))
    }

    fn heap(&self, state: &BitmapState) -> usize {
        state.bitmap.serialized_size()
    }
}
