//! How much two values have to do with each other, from the counts of their pairs.

use std::collections::HashMap;

use arrow_array::ArrayRef;
use arrow_array::types::Float64Type;
use base::Result;
use expr::{AggregateArguments, AggregateDeclaration, BoundAggregate, NullRows};
use types::{Column, DataType};

use super::arguments::{Checks, USUAL, example};
use super::encoded::Encoding;
use super::grouped::{Function, bound};
use super::hash::hash_bytes;
use super::kind;
use super::state_bytes::{read_list, write_list};

macro_rules! of_pairs {
    ($name:literal, $association:expr, $what:literal, $result:literal) => {
        AggregateDeclaration {
            name: $name,
            syntax: concat!($name, "(x, y)"),
            description: $what,
            examples: &[example(
                concat!("SELECT round(", $name, "(number % 3, number % 7), 4) FROM numbers(50)"),
                $result,
            )],
            nulls: NullRows::SkipThenEmpty,
            bind: |_, call| bind(call, $association),
            ..USUAL
        }
    };
}

pub(crate) static FUNCTIONS: &[AggregateDeclaration] = &[
    of_pairs!(
        "cramersV",
        Association::Cramer,
        "Cramér's V: the association of two values, from 0 to 1.",
        "0.1389"
    ),
    of_pairs!(
        "cramersVBiasCorrected",
        Association::CramerCorrected,
        "Cramér's V without what chance adds to it in small samples.",
        "0"
    ),
    of_pairs!(
        "contingency",
        Association::Contingency,
        "The coefficient of contingency of two values, from 0 to below 1.",
        "0.1928"
    ),
    of_pairs!(
        "theilsU",
        Association::Theil,
        "Theil's U: the share of the first value's uncertainty that the second one takes away.",
        "0.017"
    ),
];

#[derive(Debug, Clone, Copy)]
enum Association {
    Cramer,
    CramerCorrected,
    Contingency,
    Theil,
}

fn bind(call: &AggregateArguments<'_>, association: Association) -> Result<BoundAggregate> {
    call.no_parameters()?;
    call.count(2)?;
    let encodings = [0, 1].map(|at| Encoding::new(&call.types[at..=at]));
    Ok(bound(DataType::Float64, CrossTable { encodings, association }))
}

struct CrossTable {
    encodings: [Encoding; 2],
    association: Association,
}

/// The hashes of two values, and how often the pair occurs.
type Counts = HashMap<(u64, u64), u64>;

/// The counts of each first and each second value.
fn margins(counts: &Counts) -> [HashMap<u64, f64>; 2] {
    let mut out: [HashMap<u64, f64>; 2] = Default::default();
    for ((a, b), count) in counts {
        *out[0].entry(*a).or_default() += *count as f64;
        *out[1].entry(*b).or_default() += *count as f64;
    }
    out
}

impl CrossTable {
    fn result(&self, counts: &Counts) -> f64 {
        let [first, second] = margins(counts);
        let total: f64 = first.values().sum();
        if total < 2.0 {
            return f64::NAN;
        }
        // In an order of their own, so that sums do not depend on that of the table.
        let mut cells: Vec<_> = counts.iter().collect();
        cells.sort_unstable();
        let squares: f64 = cells
            .iter()
            .map(|((a, b), count)| {
                let (count, a, b) = (**count as f64, first[a], second[b]);
                let expected = a * b / total;
                (count - expected) * (count - expected) / expected
            })
            .sum();
        // Pairs that never occur differ from what is expected by all of it.
        let met: f64 = cells.iter().map(|((a, b), _)| first[a] * second[b] / total).sum();
        let phi = ((squares + (total - met)) / total).max(0.0);
        let (rows, columns) = (first.len() as f64, second.len() as f64);
        match self.association {
            Association::Cramer => (phi / (rows.min(columns) - 1.0)).sqrt(),
            Association::CramerCorrected => {
                let less = |count: f64| count - (count - 1.0) * (count - 1.0) / (total - 1.0);
                let chance = (rows - 1.0) * (columns - 1.0) / (total - 1.0);
                ((phi - chance).max(0.0) / (less(rows).min(less(columns)) - 1.0)).sqrt()
            }
            Association::Contingency => (phi / (phi + 1.0)).sqrt(),
            Association::Theil => {
                let mut shares: Vec<f64> = first.values().map(|count| count / total).collect();
                shares.sort_by(f64::total_cmp);
                let of_first: f64 = shares.iter().map(|share| share * share.ln()).sum();
                let given: f64 = cells
                    .iter()
                    .map(|((_, b), count)| {
                        let count = **count as f64;
                        count / total * (count / second[b]).ln()
                    })
                    .sum();
                (of_first - given) / of_first
            }
        }
    }
}

impl Function for CrossTable {
    type State = Counts;

    fn empty(&self) -> Counts {
        Counts::new()
    }

    fn update(&self, states: &mut [Counts], groups: &[u32], arguments: &[Column]) -> Result<()> {
        let rows = groups.len();
        let mut hashes = [vec![0; rows], vec![0; rows]];
        for (at, hashes) in hashes.iter_mut().enumerate() {
            let column = arguments.get(at..=at).unwrap_or_default();
            self.encodings[at].for_each(column, rows, |row, bytes| {
                hashes[row] = hash_bytes(bytes) as u64;
                Ok(())
            })?;
        }
        for (row, group) in groups.iter().enumerate() {
            *states[*group as usize].entry((hashes[0][row], hashes[1][row])).or_default() += 1;
        }
        Ok(())
    }

    fn merge(&self, into: &mut Counts, from: &Counts) -> Result<()> {
        from.iter().for_each(|(pair, count)| *into.entry(*pair).or_default() += count);
        Ok(())
    }

    fn write(&self, state: &Counts, out: &mut Vec<u8>) {
        write_list(state.iter().map(|(pair, count)| (*pair, *count)), out);
    }

    fn read(&self, bytes: &mut &[u8]) -> Result<Counts> {
        let pairs: Vec<((u64, u64), u64)> = read_list(bytes)?;
        let mut counts = Counts::new();
        for (pair, count) in pairs {
            let entry = counts.entry(pair).or_default();
            *entry = entry.saturating_add(count);
        }
        Ok(counts)
    }

    fn finish(&self, states: &mut [Counts]) -> Result<ArrayRef> {
        Ok(kind::array::<Float64Type>(states.iter().map(|state| self.result(state)).collect()))
    }

    fn heap(&self, state: &Counts) -> usize {
        state.capacity() * 32
    }
}
