//! [`KeyTable`] against a map of the standard library: numbers in the order of arrival, the limit on new
//! keys, growth, clearing, and all ways of putting keys in.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;

use granary_expr::{KeyTable, TableKey};
use proptest::prelude::{Just, Strategy};
use proptest::{prop_assert_eq, prop_oneof, proptest};

/// The plain version.
struct Model<K> {
    numbers: HashMap<K, u32>,
    keys: Vec<K>,
}

impl<K: Copy + Eq + Hash> Model<K> {
    fn number(&mut self, key: K, most: usize) -> u32 {
        if let Some(number) = self.numbers.get(&key) {
            return *number;
        }
        if self.keys.len() >= most {
            return u32::MAX;
        }
        let number = self.keys.len() as u32;
        self.numbers.insert(key, number);
        self.keys.push(key);
        number
    }
}

/// What is done with a table.
#[derive(Debug, Clone)]
enum Step<K> {
    /// Numbers these, with at most so many keys.
    Numbers(Vec<K>, usize),
    /// Puts these in at once.
    Insert(Vec<K>),
    /// Puts these in one by one.
    InsertOne(Vec<K>),
    /// Drops all keys.
    Clear,
}

/// Keys of which many come again, some in runs; the spread decides in which of their bits they differ.
fn keys<K: TableKey + Debug>(spreads: &'static [fn(u64) -> K]) -> impl Strategy<Value = Vec<K>> {
    let runs = |distinct: u64, longest: usize| {
        proptest::collection::vec((0..distinct, 1..=longest), 0..1500)
    };
    let drawn = prop_oneof![
        runs(10, 3),
        runs(300, 40),
        runs(20_000, 1),
        // Runs longer than what is looked up at once.
        runs(5, 200),
        // Many new keys, so that the table grows more than once.
        (0..u64::from(u32::MAX), 0..20_000_usize)
            .prop_map(|(first, count)| (first..).take(count).map(|key| (key, 1)).collect()),
    ];
    (drawn, proptest::sample::select(spreads)).prop_map(|(drawn, spread)| {
        let run = |(key, count)| std::iter::repeat_n(spread(key), count);
        drawn.into_iter().flat_map(run).collect()
    })
}

fn steps<K: TableKey + Debug>(
    spreads: &'static [fn(u64) -> K],
) -> impl Strategy<Value = Vec<Step<K>>> {
    let most = prop_oneof![Just(usize::MAX), 0..600_usize, 0..40_000_usize];
    let step = prop_oneof![
        6 => (keys(spreads), most).prop_map(|(keys, most)| Step::Numbers(keys, most)),
        2 => keys(spreads).prop_map(Step::Insert),
        2 => keys(spreads).prop_map(Step::InsertOne),
        1 => Just(Step::Clear),
    ];
    proptest::collection::vec(step, 1..6)
}

fn check<K>(capacity: Option<usize>, steps: Vec<Step<K>>) -> proptest::test_runner::TestCaseResult
where
    K: TableKey + Hash + Debug,
{
    let mut table = capacity.map_or_else(KeyTable::new, KeyTable::with_capacity);
    let mut model = Model { numbers: HashMap::new(), keys: Vec::new() };
    // What stands in front stays there.
    let mut numbers = vec![7];
    for step in steps {
        match step {
            Step::Numbers(keys, most) => {
                numbers.truncate(1);
                table.numbers(&keys, most, &mut numbers);
                let mut expected = vec![7];
                expected.extend(keys.iter().map(|key| model.number(*key, most)));
                prop_assert_eq!(&numbers, &expected);
            }
            Step::Insert(keys) => {
                table.insert(&keys);
                keys.iter().for_each(|key| _ = model.number(*key, usize::MAX));
            }
            Step::InsertOne(keys) => {
                for key in keys {
                    let is_new = !model.numbers.contains_key(&key);
                    prop_assert_eq!(table.insert_one(key), is_new);
                    model.number(key, usize::MAX);
                }
            }
            Step::Clear => {
                table.clear();
                (model.numbers, model.keys) = (HashMap::new(), Vec::new());
            }
        }
        prop_assert_eq!(table.keys(), &model.keys[..]);
        assert!(table.memory() >= size_of_val(&model.keys[..]));
    }
    Ok(())
}

/// Keys that differ in their low bits, in all, and only in their top bits.
const NARROW: &[fn(u64) -> u64] =
    &[|key| key, |key| key.wrapping_mul(0x9E37_79B9_7F4A_7C15), |key| key << 32];

/// As these; and with equal halves.
const WIDE: &[fn(u64) -> u128] = &[
    u128::from,
    |key| u128::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
    |key| u128::from(key) << 64,
    |key| u128::from(key) << 96,
    |key| u128::from(key) << 64 | u128::from(key),
];

proptest! {
    #[test]
    fn narrow_keys_are_numbered_as_a_map_numbers_them(
        capacity in prop_oneof![Just(None), (0..30_000_usize).prop_map(Some)],
        steps in steps(NARROW),
    ) {
        check(capacity, steps)?;
    }

    #[test]
    fn wide_keys_are_numbered_as_a_map_numbers_them(
        capacity in prop_oneof![Just(None), (0..30_000_usize).prop_map(Some)],
        steps in steps(WIDE),
    ) {
        check(capacity, steps)?;
    }
}
