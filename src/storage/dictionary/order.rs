//! Ids in the order of their values.

use arrow_array::{Array, BinaryViewArray};

/// The ids in the order of their values, which must be distinct.
///
/// Values are sorted by their first eight bytes as a number; runs of equal ones again by the next
/// eight, from a work list rather than by recursion, as values can be long.
pub(crate) fn sort_ids(values: &BinaryViewArray) -> Vec<u32> {
    let mut keys: Vec<(u64, u32)> =
        (0..values.len()).map(|id| (key_at(values.value(id), 0), id as u32)).collect();
    let mut work = vec![(0, keys.len(), 0usize)];
    while let Some((start, end, depth)) = work.pop() {
        let group = &mut keys[start..end];
        if depth > 0 {
            for (key, id) in group.iter_mut() {
                *key = key_at(values.value(*id as usize), depth);
            }
        }
        group.sort_unstable_by_key(|(key, _)| *key);
        let mut at = start;
        while at < end {
            let key = keys[at].0;
            let mut next = at + 1;
            while next < end && keys[next].0 == key {
                next += 1;
            }
            if next - at > 1 {
                sort_run(values, &mut keys, (at, next), depth + 8, &mut work);
            }
            at = next;
        }
    }
    keys.into_iter().map(|(_, id)| id).collect()
}

/// Orders a run whose values agree in the first `depth` bytes (zeros taken for missing ones), or
/// puts it on the work list.
fn sort_run(
    values: &BinaryViewArray,
    keys: &mut [(u64, u32)],
    (start, end): (usize, usize),
    depth: usize,
    work: &mut Vec<(usize, usize, usize)>,
) {
    let run = &mut keys[start..end];
    // Values that end here come first, the shorter before the longer: they differ only in
    // trailing zero bytes.
    if run.len() <= 16 {
        run.sort_unstable_by(|a, b| values.value(a.1 as usize).cmp(values.value(b.1 as usize)));
        return;
    }
    run.sort_unstable_by_key(|(_, id)| values.value(*id as usize).len().min(depth + 1));
    let ended = run.partition_point(|(_, id)| values.value(*id as usize).len() <= depth);
    if end - start - ended > 0 {
        work.push((start + ended, end, depth));
    }
}

/// Eight bytes from `depth` on as a number that compares like them.
fn key_at(value: &[u8], depth: usize) -> u64 {
    match value.get(depth..depth + 8) {
        Some(bytes) => bytes.try_into().map_or(0, u64::from_be_bytes),
        None => {
            let mut out = [0; 8];
            let rest = value.get(depth..).unwrap_or(&[]);
            out[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(out)
        }
    }
}

/// The rank of each id, given the ids in order.
pub(crate) fn rank_by_order(order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    for (rank, id) in order.iter().enumerate() {
        ranks[*id as usize] = rank as u32;
    }
    ranks
}
