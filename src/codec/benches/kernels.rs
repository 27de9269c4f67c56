//! Kernels of pages, each beside a plain loop or another library:
//! `cargo bench -p granary-codec --bench kernels [-- FILTER]`.
//!
//! - `unpack`: vectors of packed words; a scalar loop over values that lie one after the other, and the
//!   crate `bitpacking` (of 32 bits only, from the same width).
//! - `runs`: a page of runs decoded; the same streams of values and lengths, expanded value by value.
//! - `lz4`: blocks of text by the pure Rust library that pages use; by the C library.
//! - `gather`: chosen rows of a packed page; all rows decoded and arrow's filter with a mask made before.
//! - `filter`: the rows of a range found on packed values and decoded; all rows decoded, compared and
//!   filtered by arrow.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, UInt32Array};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use granary_codec::{CodecChoice, Page, VECTOR, Word, encode};
use types::DataType;

/// Values that are unpacked in one go: the packed ones stay in a core's cache.
const VALUES: usize = 64 * VECTOR;

/// Rows of a page.
const GRANULE: usize = 8192;

/// A number without a pattern.
fn noise(at: u64) -> u64 {
    let mut state = at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 31;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^ state >> 27
}

/// A page of 8,192 rows of UInt32, which must be of an encoding.
fn page(encoding: &str, value: impl Fn(u64) -> u64) -> Page {
    let values = (0..GRANULE as u64).map(|row| value(row) as u32);
    let array: ArrayRef = Arc::new(UInt32Array::from_iter_values(values));
    let mut out = Vec::new();
    encode(&array, &DataType::UInt32, &CodecChoice::default(), &mut out).expect("encoded");
    let page = Page::open(out.into(), &DataType::UInt32, false).expect("opened");
    assert_eq!(page.encoding().expect("known"), encoding);
    page
}

#[divan::bench_group(max_time = 1)]
mod unpack {
    use bitpacking::{BitPacker, BitPacker8x};

    use super::{Bencher, ItemsCount, MaybeUninit, VALUES, VECTOR, Word, black_box, noise};

    /// Bits of a word, and of its packed values.
    const SHAPES: [(usize, usize); 6] = [(8, 3), (16, 9), (32, 7), (32, 17), (64, 17), (64, 40)];

    #[divan::bench(args = SHAPES)]
    fn kernel(bencher: Bencher<'_, '_>, (word, width): (usize, usize)) {
        match word {
            8 => vectors::<u8>(bencher, width),
            16 => vectors::<u16>(bencher, width),
            32 => vectors::<u32>(bencher, width),
            _ => vectors::<u64>(bencher, width),
        }
    }

    fn vectors<W: Word>(bencher: Bencher<'_, '_>, width: usize) {
        let values: Vec<W> =
            (0..VALUES as u64).map(|at| W::from_u64(noise(at) >> (64 - width))).collect();
        let mut packed = vec![0; VALUES * width / 8];
        let vector_bytes = VECTOR * width / 8;
        for (vector, bytes) in values.as_chunks().0.iter().zip(packed.chunks_mut(vector_bytes)) {
            W::pack(width, vector, W::default(), bytes);
        }
        let mut out = [MaybeUninit::uninit(); VECTOR];
        bencher.counter(ItemsCount::new(VALUES)).bench_local(|| {
            for vector in black_box(&packed).chunks(vector_bytes) {
                assert!(W::unpack(width, vector, W::default(), &mut out));
                black_box(&mut out);
            }
        });
    }

    #[divan::bench(args = SHAPES)]
    fn scalar(bencher: Bencher<'_, '_>, (word, width): (usize, usize)) {
        match word {
            8 => values::<u8>(bencher, width),
            16 => values::<u16>(bencher, width),
            32 => values::<u32>(bencher, width),
            _ => values::<u64>(bencher, width),
        }
    }

    /// One value after the other, lowest bits first.
    fn values<W: Word>(bencher: Bencher<'_, '_>, width: usize) {
        let mut packed = vec![0_u8; VALUES * width / 8 + 8];
        for at in 0..VALUES {
            let (byte, shift) = (at * width / 8, at * width % 8);
            let value = u128::from(noise(at as u64) >> (64 - width)) << shift;
            for (slot, bits) in packed[byte..].iter_mut().zip(value.to_le_bytes()).take(8) {
                *slot |= bits;
            }
        }
        let mask = u64::MAX >> (64 - width);
        let mut out = [W::default(); VECTOR];
        bencher.counter(ItemsCount::new(VALUES)).bench_local(|| {
            let packed = black_box(&packed[..]);
            for vector in 0..VALUES / VECTOR {
                for (row, slot) in out.iter_mut().enumerate() {
                    let bit = (vector * VECTOR + row) * width;
                    let Some(bits) = packed.get(bit / 8..).and_then(|b| b.first_chunk()) else {
                        return;
                    };
                    *slot = W::from_u64(u64::from_le_bytes(*bits) >> (bit % 8) & mask);
                }
                black_box(&mut out);
            }
        });
    }

    #[divan::bench(args = [(32, 7), (32, 17)])]
    fn crate_bitpacking(bencher: Bencher<'_, '_>, (_, width): (usize, usize)) {
        const BLOCK: usize = BitPacker8x::BLOCK_LEN;
        let packer = BitPacker8x::new();
        let values: Vec<u32> =
            (0..VALUES as u64).map(|at| (noise(at) >> (64 - width)) as u32).collect();
        let mut packed = vec![0; VALUES * width / 8];
        for (block, bytes) in values.chunks(BLOCK).zip(packed.chunks_mut(BLOCK * width / 8)) {
            packer.compress(block, bytes, width as u8);
        }
        let mut out = [0; VECTOR];
        bencher.counter(ItemsCount::new(VALUES)).bench_local(|| {
            for vector in black_box(&packed).chunks(VECTOR * width / 8) {
                for (bytes, block) in vector.chunks(BLOCK * width / 8).zip(out.chunks_mut(BLOCK)) {
                    packer.decompress(bytes, block, width as u8);
                }
                black_box(&mut out);
            }
        });
    }
}

#[divan::bench_group(max_time = 1)]
mod runs {
    use granary_codec::{Reader, read_packed, write_packed};

    use super::{Bencher, GRANULE, ItemsCount, black_box, noise, page};

    /// Rows of a run.
    const LENGTHS: [u64; 3] = [10, 100, 1000];

    /// A value that differs from the one of the run before.
    fn value(run: u64) -> u64 {
        noise(run) % 100_000 * 2 + run % 2
    }

    #[divan::bench(args = LENGTHS)]
    fn kernel(bencher: Bencher<'_, '_>, length: u64) {
        let page = page("runs", |row| value(row / length));
        bencher
            .counter(ItemsCount::new(GRANULE))
            .bench_local(|| black_box(&page).decode().expect("decoded"));
    }

    #[divan::bench(args = LENGTHS)]
    fn one_by_one(bencher: Bencher<'_, '_>, length: u64) {
        let rows = GRANULE as u64;
        let values: Vec<u32> = (0..rows.div_ceil(length)).map(|run| value(run) as u32).collect();
        let lengths: Vec<u32> =
            (0..rows).step_by(length as usize).map(|at| length.min(rows - at) as u32).collect();
        let mut packed = Vec::new();
        write_packed(&values, &mut packed);
        write_packed(&lengths, &mut packed);
        bencher.counter(ItemsCount::new(GRANULE)).bench_local(|| {
            let mut reader = Reader::new(black_box(&packed));
            let values = read_packed::<u32>(&mut reader, GRANULE).expect("values");
            let lengths = read_packed::<u32>(&mut reader, GRANULE).expect("lengths");
            let mut out = Vec::with_capacity(GRANULE);
            for (value, length) in values.iter().zip(lengths) {
                for _ in 0..length {
                    out.push(*value);
                }
            }
            out
        });
    }
}

#[divan::bench_group(max_time = 1)]
mod lz4 {
    use granary_codec::{Compression, compress_block, decompress_block};
    use lz4::block::{CompressionMode, compress, decompress};

    use super::{Bencher, BytesCount, black_box, noise};

    const SIZE: usize = 1 << 18;

    fn text() -> Vec<u8> {
        let line = |at| {
            let (host, item) = (noise(at) % 90, noise(at * 3) % 10_000_000);
            format!("https://www.example-{host}.org/catalogue/item?id={item}\n")
        };
        (0..SIZE as u64).flat_map(|at| line(at).into_bytes()).take(SIZE).collect()
    }

    fn compressed(raw: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        compress_block(raw, Compression::Lz4, &mut out).expect("compressed");
        assert!(out.len() < raw.len());
        out
    }

    #[divan::bench]
    fn compress_kernel(bencher: Bencher<'_, '_>) {
        let raw = text();
        bencher.counter(BytesCount::new(SIZE)).bench_local(|| compressed(black_box(&raw)));
    }

    #[divan::bench]
    fn compress_c_library(bencher: Bencher<'_, '_>) {
        let raw = text();
        bencher.counter(BytesCount::new(SIZE)).bench_local(|| {
            compress(black_box(&raw), Some(CompressionMode::DEFAULT), false).expect("compressed")
        });
    }

    #[divan::bench]
    fn decompress_kernel(bencher: Bencher<'_, '_>) {
        let bytes = compressed(&text());
        bencher
            .counter(BytesCount::new(SIZE))
            .bench_local(|| decompress_block(black_box(&bytes), SIZE).expect("decompressed"));
    }

    #[divan::bench]
    fn decompress_c_library(bencher: Bencher<'_, '_>) {
        // The very same payload: behind the method and three bytes of length.
        let bytes = compressed(&text()).split_off(4);
        assert_eq!(decompress(&bytes, Some(SIZE as i32)).expect("decompressed"), text());
        bencher.counter(BytesCount::new(SIZE)).bench_local(|| {
            decompress(black_box(&bytes), Some(SIZE as i32)).expect("decompressed")
        });
    }
}

/// A page of numbers below 10,000, each as often as any other.
fn packed_page() -> Page {
    page("packed", |row| noise(row) % 10_000)
}

/// Parts of the rows that are wanted, of ten thousand.
const SHARES: [u32; 4] = [10, 100, 1000, 5000];

/// All rows decoded, and those below a share.
fn below(page: &Page, share: u32) -> (ArrayRef, BooleanArray) {
    let all = page.decode().expect("decoded");
    let mask = arrow_ord::cmp::lt(&all, &UInt32Array::new_scalar(share)).expect("compared");
    (all, mask)
}

#[divan::bench_group(max_time = 1)]
mod gather {
    use super::{Bencher, GRANULE, ItemsCount, SHARES, below, black_box, packed_page};

    #[divan::bench(args = SHARES)]
    fn kernel(bencher: Bencher<'_, '_>, share: u32) {
        let page = packed_page();
        let (_, mask) = below(&page, share);
        let rows: Vec<u16> = mask.values().set_indices_u32().map(|row| row as u16).collect();
        bencher
            .counter(ItemsCount::new(GRANULE))
            .bench_local(|| black_box(&page).decode_selected(&rows).expect("decoded"));
    }

    #[divan::bench(args = SHARES)]
    fn decode_and_arrow_filter(bencher: Bencher<'_, '_>, share: u32) {
        let page = packed_page();
        let (_, mask) = below(&page, share);
        bencher.counter(ItemsCount::new(GRANULE)).bench_local(|| {
            let all = black_box(&page).decode().expect("decoded");
            arrow_select::filter::filter(&all, &mask).expect("filtered")
        });
    }
}

#[divan::bench_group(max_time = 1)]
mod filter {
    use super::{Bencher, GRANULE, ItemsCount, SHARES, below, black_box, packed_page};

    #[divan::bench(args = SHARES)]
    fn kernel(bencher: Bencher<'_, '_>, share: u32) {
        let page = packed_page();
        let mut rows = Vec::new();
        bencher.counter(ItemsCount::new(GRANULE)).bench_local(|| {
            let page = black_box(&page);
            rows.clear();
            assert!(page.select_range(0, i64::from(share) - 1, &mut rows).expect("found"));
            page.decode_selected(&rows).expect("decoded")
        });
    }

    #[divan::bench(args = SHARES)]
    fn decode_and_arrow_filter(bencher: Bencher<'_, '_>, share: u32) {
        let page = packed_page();
        bencher.counter(ItemsCount::new(GRANULE)).bench_local(|| {
            let (all, mask) = below(black_box(&page), share);
            arrow_select::filter::filter(&all, &mask).expect("filtered")
        });
    }
}

fn main() {
    divan::main();
}
