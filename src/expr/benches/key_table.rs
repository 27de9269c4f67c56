//! [`KeyTable`] beside a [`HashMap`] with its default hasher:
//! `cargo bench -p granary-expr --bench key_table [-- FILTER]`.
//!
//! Both number the distinct keys of four million rows from nothing, in blocks of 8,192 rows as
//! queries do; the table grows meanwhile. `random` draws every row's key anew, `runs` repeats
//! each drawn key ten times.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use granary_expr::{KeyTable, TableKey};
use hashbrown::HashMap;

const ROWS: usize = 1 << 22;
const BLOCK: usize = 8192;
const RUN: usize = 10;
const DISTINCT: [u64; 3] = [1_000, 100_000, 2_000_000];

/// Rows of which each stretch of `run` has the same key, of so many distinct ones.
fn keys<K>(distinct: u64, run: usize, key: impl Fn(u64) -> K) -> Vec<K> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut drawn = 0;
    (0..ROWS)
        .map(|row| {
            if row % run == 0 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                drawn = state % distinct;
            }
            key(drawn)
        })
        .collect()
}

/// Keys like users' ids: spread over all their bits.
fn narrow(drawn: u64) -> u64 {
    drawn.wrapping_mul(0xd6e8_feb8_6659_fd93)
}

/// Keys like two packed columns: a small number above an id.
fn wide(drawn: u64) -> u128 {
    u128::from(drawn % 97) << 64 | u128::from(narrow(drawn))
}

fn table<K: TableKey>(bencher: Bencher<'_, '_>, keys: &[K]) {
    bencher.counter(ItemsCount::new(keys.len())).bench_local(|| {
        let (mut table, mut numbers) = (KeyTable::new(), Vec::new());
        for block in keys.chunks(BLOCK) {
            numbers.clear();
            table.numbers(black_box(block), usize::MAX, &mut numbers);
            black_box(&numbers);
        }
        table
    });
}

fn map<K: Copy + Eq + std::hash::Hash>(bencher: Bencher<'_, '_>, keys: &[K]) {
    bencher.counter(ItemsCount::new(keys.len())).bench_local(|| {
        let (mut map, mut numbers) = (HashMap::<K, u32>::new(), Vec::new());
        for block in keys.chunks(BLOCK) {
            numbers.clear();
            for key in black_box(block) {
                let next = map.len() as u32;
                numbers.push(*map.entry(*key).or_insert(next));
            }
            black_box(&numbers);
        }
        map
    });
}

#[divan::bench_group(max_time = 2, sample_count = 15)]
mod u64_random {
    use super::{Bencher, DISTINCT, keys, narrow};

    #[divan::bench(args = DISTINCT)]
    fn key_table(bencher: Bencher<'_, '_>, distinct: u64) {
        super::table(bencher, &keys(distinct, 1, narrow));
    }

    #[divan::bench(args = DISTINCT)]
    fn hash_map(bencher: Bencher<'_, '_>, distinct: u64) {
        super::map(bencher, &keys(distinct, 1, narrow));
    }
}

#[divan::bench_group(max_time = 2, sample_count = 15)]
mod u64_runs {
    use super::{Bencher, DISTINCT, RUN, keys, narrow};

    #[divan::bench(args = DISTINCT)]
    fn key_table(bencher: Bencher<'_, '_>, distinct: u64) {
        super::table(bencher, &keys(distinct, RUN, narrow));
    }

    #[divan::bench(args = DISTINCT)]
    fn hash_map(bencher: Bencher<'_, '_>, distinct: u64) {
        super::map(bencher, &keys(distinct, RUN, narrow));
    }
}

#[divan::bench_group(max_time = 2, sample_count = 15)]
mod u128_random {
    use super::{Bencher, DISTINCT, keys, wide};

    #[divan::bench(args = DISTINCT)]
    fn key_table(bencher: Bencher<'_, '_>, distinct: u64) {
        super::table(bencher, &keys(distinct, 1, wide));
    }

    #[divan::bench(args = DISTINCT)]
    fn hash_map(bencher: Bencher<'_, '_>, distinct: u64) {
        super::map(bencher, &keys(distinct, 1, wide));
    }
}

#[divan::bench_group(max_time = 2, sample_count = 15)]
mod u128_runs {
    use super::{Bencher, DISTINCT, RUN, keys, wide};

    #[divan::bench(args = DISTINCT)]
    fn key_table(bencher: Bencher<'_, '_>, distinct: u64) {
        super::table(bencher, &keys(distinct, RUN, wide));
    }

    #[divan::bench(args = DISTINCT)]
    fn hash_map(bencher: Bencher<'_, '_>, distinct: u64) {
        super::map(bencher, &keys(distinct, RUN, wide));
    }
}

fn main() {
    divan::main();
}
