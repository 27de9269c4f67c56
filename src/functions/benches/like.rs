//! `s LIKE '%needle%'` over the values of a dictionary beside a search value by value:
//! `cargo bench -p granary-functions --bench like [-- FILTER]`.
//!
//! The function is bound and called as queries call it; the rival searches each value by
//! `memchr::memmem` with a needle prepared once. Values are URLs (about 60 bytes) or search phrases
//! (about 20), one after another in a buffer as a decoded dictionary holds them, or in random order.
//! The needle `google` is in a third of the URLs and in no phrase; `zzz` is nowhere.

use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{Array, ArrayRef, BinaryViewArray, UInt8Array, UInt32Array};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use expr::{Argument, FunctionContext, Kernel, PlainKernel};
use memchr::memmem::Finder;
use types::{Column, DataType, Value};

const VALUES: u64 = 200_000;

/// A number without a pattern.
fn noise(at: u64) -> u64 {
    let mut state = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 31;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^ state >> 27
}

fn url(at: u64) -> String {
    let host =
        ["news.example.org", "maps.google.com", "shop.example.net"][(noise(at) % 3) as usize];
    let (section, item) = (noise(at * 2) % 900, noise(at * 3) % 100_000_000_000);
    format!("https://{host}/section/{section}/item?id={item}&from=main")
}

fn phrase(at: u64) -> String {
    let word = |salt: u64| {
        ["red", "winter", "cheap", "buy", "house", "photo", "game"]
            [(noise(at * 7 + salt) % 7) as usize]
    };
    format!("{} {} {} {}", word(0), word(1), word(2), noise(at) % 1000)
}

/// What is searched.
#[derive(Debug, Clone, Copy)]
enum Texts {
    Urls,
    Phrases,
    /// URLs, the views of which point anywhere into the buffers.
    ShuffledUrls,
}

const TEXTS: [Texts; 3] = [Texts::Urls, Texts::Phrases, Texts::ShuffledUrls];

fn column(texts: Texts) -> BinaryViewArray {
    // Blocks of the size of a decoded dictionary's.
    let mut builder = BinaryViewBuilder::new().with_fixed_block_size(1 << 20);
    for at in 0..VALUES {
        let text = if matches!(texts, Texts::Phrases) { phrase(at) } else { url(at) };
        builder.append_value(text);
    }
    let array = builder.finish();
    if !matches!(texts, Texts::ShuffledUrls) {
        return array;
    }
    let rows = UInt32Array::from_iter_values((0..VALUES).map(|at| (noise(at) % VALUES) as u32));
    let taken = arrow_select::take::take(&array, &rows, None).expect("taken");
    taken.as_any().downcast_ref::<BinaryViewArray>().expect("views").clone()
}

fn size(array: &BinaryViewArray) -> BytesCount {
    BytesCount::new((0..array.len()).map(|row| array.value(row).len()).sum::<usize>())
}

fn bind(pattern: &str) -> PlainKernel {
    let registry = granary_functions::registry();
    let constant = Argument::constant(DataType::String, Value::from(pattern));
    let arguments = [Argument::of(DataType::String), constant];
    let bound = registry.bind(&FunctionContext::default(), "like", &arguments).expect("bound");
    match bound.kernel {
        Kernel::Plain(kernel) => kernel,
        Kernel::HigherOrder(_) => unreachable!("LIKE takes no lambda"),
    }
}

fn kernel(bencher: Bencher<'_, '_>, texts: Texts, needle: &str) {
    let array = column(texts);
    let pattern = format!("%{needle}%");
    let like = bind(&pattern);
    let rows = array.len();
    let size = size(&array);
    let constant = Column::constant(&DataType::String, &Value::from(&pattern[..]), rows);
    let columns = [Column::Flat(Arc::new(array) as ArrayRef), constant.expect("a column")];
    bencher.counter(size).bench_local(|| like(black_box(&columns), rows).expect("called"));
}

fn by_value(bencher: Bencher<'_, '_>, texts: Texts, needle: &str) {
    let array = column(texts);
    let finder = Finder::new(needle);
    bencher.counter(size(&array)).bench_local(|| {
        let array = black_box(&array);
        let found = (0..array.len()).map(|row| u8::from(finder.find(array.value(row)).is_some()));
        UInt8Array::from_iter_values(found)
    });
}

#[divan::bench_group(max_time = 3)]
mod google {
    use super::{Bencher, TEXTS, Texts};

    #[divan::bench(args = TEXTS)]
    fn like(bencher: Bencher<'_, '_>, texts: Texts) {
        super::kernel(bencher, texts, "google");
    }

    #[divan::bench(args = TEXTS)]
    fn memmem_by_value(bencher: Bencher<'_, '_>, texts: Texts) {
        super::by_value(bencher, texts, "google");
    }
}

#[divan::bench_group(max_time = 3)]
mod zzz {
    use super::{Bencher, TEXTS, Texts};

    #[divan::bench(args = TEXTS)]
    fn like(bencher: Bencher<'_, '_>, texts: Texts) {
        super::kernel(bencher, texts, "zzz");
    }

    #[divan::bench(args = TEXTS)]
    fn memmem_by_value(bencher: Bencher<'_, '_>, texts: Texts) {
        super::by_value(bencher, texts, "zzz");
    }
}

fn main() {
    divan::main();
}
