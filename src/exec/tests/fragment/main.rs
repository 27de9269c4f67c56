//! Fragments: written, read back and run over each part alone by workers that know the disk only, then merged,
//! they answer what one machine answers.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod setting;

use base::{CancelToken, ErrorCode, MemoryBudget};
use expr::Expr;
use granary_exec::{ExecSettings, merge_partials, run_fragment};
use plan::{FRAGMENT_VERSION, Fragment};
use setting::{Planner, ROWS, rows};
use types::{Block, Column, DataType, NESTING_LIMIT, Value};

fn check(planner: &Planner, query: &str) -> usize {
    let (fragment, plan) = planner.cut(query);
    let types: Vec<DataType> = plan.schema().fields().iter().map(|f| f.data_type.clone()).collect();
    let read = Fragment::from_bytes(&fragment.to_bytes().unwrap()).unwrap();
    assert_eq!(read, fragment, "{query}");
    let expected = planner.local(plan);
    assert_eq!(planner.remote(&fragment, &types), expected, "{query}");
    expected.len()
}

const ROW_QUERIES: &[&str] = &[
    "SELECT * FROM t",
    "SELECT k, s FROM t WHERE k BETWEEN 2990 AND 6010",
    "SELECT u FROM t WHERE s IN ('s1', 's4', 'nothing') AND n > 10 AND c IS NULL",
    "SELECT k FROM t WHERE u LIKE '%99' AND late = ''",
    "SELECT late, later, k FROM t WHERE late != 'late 3' AND k % 100 = 7",
    "SELECT later FROM t WHERE later IS NULL AND k % 2 = 0",
    "SELECT toString(d), currentUser(), upper(s) FROM t WHERE d < now() AND k % 50 = 0",
    "SELECT arrayMap(x -> x + k, a), if(n IS NULL, 'none', u) FROM t WHERE length(a) = 2",
    "SELECT k FROM t WHERE (k, s) IN ((1, 's1'), (2, 's4'), (3, 'other'))",
    "SELECT k FROM t WHERE k > 1000000",
];

const GROUP_QUERIES: &[&str] = &[
    "SELECT count() FROM t",
    "SELECT count(), sum(k), min(u), max(later), avg(f), uniqExact(s) FROM t WHERE s != 's4'",
    "SELECT sum(k), max(s), uniq(u) FROM t WHERE k > 1000000",
    "SELECT s, count(), sum(k), min(n), max(u), avg(f), uniqExact(c), uniq(u) FROM t GROUP BY s",
    "SELECT c, n, countIf(f > 100), sumIf(k, s = 's1'), quantileExact(0.9)(k) FROM t GROUP BY c, n",
    "SELECT late, count(later), max(k), argMax(u, k), uniqExact(late) FROM t GROUP BY late",
    "SELECT later, any(k) FROM t GROUP BY later",
    "SELECT k % 1000 AS m, groupBitXor(k), stddevPop(f), arraySort(groupUniqArray(s)) FROM t GROUP BY m",
    "SELECT toHour(d), s, a, count(), min(c), max(c) FROM t GROUP BY 1, 2, 3",
    "SELECT k, u, sum(n) FROM t WHERE late != 'late 1' GROUP BY k, u",
    "SELECT s FROM t GROUP BY s",
];

#[test]
fn rows_of_every_part_are_the_rows_of_all() {
    let planner = Planner::new();
    for query in ROW_QUERIES {
        check(&planner, query);
    }
    assert_eq!(check(&planner, "SELECT * FROM t"), 4 * ROWS as usize);
}

#[test]
fn groups_of_every_part_merge_into_the_groups_of_all() {
    let planner = Planner::new();
    for query in GROUP_QUERIES {
        check(&planner, query);
    }
}

#[test]
fn groups_merge_without_codes_and_when_they_do_not_fit_into_memory() {
    let mut planner = Planner::new();
    let plain = ExecSettings { encoded: false, skip_granules: false, ..ExecSettings::default() };
    let spilling = ExecSettings { spill_groups: 1 << 10, ..ExecSettings::default() };
    for settings in [plain, spilling] {
        planner.settings = settings;
        for query in GROUP_QUERIES {
            check(&planner, query);
        }
    }
}

#[test]
fn a_limit_stops_every_fragment() {
    let planner = Planner::new();
    let (mut fragment, _) = planner.cut("SELECT k FROM t WHERE k % 3 = 1 LIMIT 2000");
    assert_eq!(fragment.scan.limit, Some(2000));
    fragment.scan.limit = Some(5);
    let some = planner.remote(&fragment, &[DataType::UInt64]);
    let all = 4 * ROWS as usize / 3;
    assert!(some.len() >= 20 && some.len() < all, "{} of {all} rows", some.len());
}

#[test]
fn another_version_is_refused_and_so_is_what_is_no_fragment() {
    let planner = Planner::new();
    let (fragment, _) = planner.cut(GROUP_QUERIES[4]);
    let good = fragment.to_bytes().unwrap();
    let mut other = good.clone();
    other[..2].copy_from_slice(&(FRAGMENT_VERSION + 1).to_le_bytes());
    let error = Fragment::from_bytes(&other).unwrap_err();
    assert_eq!(error.code(), ErrorCode::IncorrectData);
    let told =
        format!("version {}, this program runs version {FRAGMENT_VERSION}", FRAGMENT_VERSION + 1);
    assert!(error.message().contains(&told), "{error}");
    for length in 0..good.len() {
        assert!(Fragment::from_bytes(&good[..length]).is_err(), "{length} bytes");
    }
    for at in 2..good.len() {
        for flip in [1, 0x10, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            // An error, or another fragment; never a panic.
            let _ = Fragment::from_bytes(&bad);
        }
    }
}

#[test]
fn columns_that_do_not_exist_and_endless_nesting_are_refused() {
    let planner = Planner::new();
    let (good, _) = planner.cut("SELECT k, s FROM t WHERE k > 5");
    let refused = |change: &dyn Fn(&mut Fragment)| {
        let mut bad = good.clone();
        change(&mut bad);
        let bytes = bad.to_bytes().unwrap();
        let error = Fragment::from_bytes(&bytes).unwrap_err();
        assert_eq!(error.code(), ErrorCode::IncorrectData, "{error}");
    };
    refused(&|f| f.scan.visible = 3);
    refused(&|f| f.scan.columns[0].default = Value::from("text"));
    refused(&|f| f.projection = Some(vec![Expr::column(2, DataType::UInt64)]));
    refused(&|f| f.scan.filter = vec![Expr::column(1, DataType::UInt8)]);
    let nested = |levels: usize| {
        (0..levels).fold(Expr::column(0, DataType::UInt64), |inner, _| Expr::Call {
            function: "negate".to_owned(),
            arguments: vec![inner],
            data_type: DataType::Int64,
        })
    };
    let mut deep = good.clone();
    deep.projection = Some(vec![nested(NESTING_LIMIT)]);
    assert_eq!(Fragment::from_bytes(&deep.to_bytes().unwrap()).unwrap(), deep);
    refused(&|f| f.projection = Some(vec![nested(NESTING_LIMIT + 1)]));
}

#[test]
fn parts_that_are_not_there_or_of_another_type_are_errors() {
    let planner = Planner::new();
    let (mut fragment, _) = planner.cut("SELECT k, s FROM t");
    let mut part = planner.store.table("d", "t").unwrap().snapshot().parts[0].address();
    let disk = planner.reader();
    let run = |fragment: &Fragment, part: &storage::PartAddress| {
        let (cancel, budget) = (CancelToken::new(), MemoryBudget::unlimited());
        let worker = planner.worker();
        let parts = std::slice::from_ref(part);
        run_fragment(fragment, parts, &disk, cancel, budget, &worker, &mut |_| Ok(())).map(drop)
    };
    run(&fragment, &part).unwrap();
    fragment.scan.columns[1].data_type = DataType::UInt64;
    fragment.scan.columns[1].default = Value::Int(0);
    assert_eq!(run(&fragment, &part).unwrap_err().code(), ErrorCode::IncorrectData);
    part.id = "00000000-0000".to_owned();
    assert_eq!(run(&fragment, &part).unwrap_err().code(), ErrorCode::CorruptedData);
    part.id = "../../etc".to_owned();
    assert_eq!(run(&fragment, &part).unwrap_err().code(), ErrorCode::BadArguments);
}

#[test]
fn states_that_are_none_are_errors() {
    let planner = Planner::new();
    let (fragment, _) = planner.cut("SELECT s, sum(k), uniqExact(u) FROM t GROUP BY s");
    let aggregation = fragment.aggregation.unwrap();
    let text = |text: &str| Column::constant(&DataType::String, &Value::from(text), 2).unwrap();
    let merge = |columns: Vec<Column>| {
        merge_partials(&aggregation, vec![Block::new(columns, 2)], &planner.context())
    };
    for bad in ["", "x", "\u{1}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}\u{ff}"] {
        let error = merge(vec![text("a"), text(bad), text(bad)]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::IncorrectData, "{bad:?}: {error}");
    }
    let number = Column::constant(&DataType::UInt64, &Value::Int(1), 2).unwrap();
    for bad in [vec![text("a"), text("")], vec![number, text(""), text("")]] {
        assert_eq!(merge(bad).unwrap_err().code(), ErrorCode::IncorrectData);
    }
    let nothing = merge_partials(&aggregation, Vec::new(), &planner.context()).unwrap();
    assert!(rows(&nothing, &[]).is_empty());
}
