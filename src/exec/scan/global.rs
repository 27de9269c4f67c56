//! One dictionary for several parts: their sorted values merged, and every part's codes translated.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, UInt32Array};
use arrow_schema::DataType as ArrowType;
use base::{Error, Result};
use parking_lot::Mutex;
use storage::PartDictionary;
use types::{Dictionary, MemoryDictionary};

/// Translations are kept while their values together are fewer than this.
const KEPT_VALUES: usize = 32 << 20;

/// The merged values of several parts' dictionaries; codes of it are ordered as their values.
pub(crate) struct GlobalDictionary {
    id: u64,
    parts: Vec<Arc<PartDictionary>>,
    /// Of every value: a part that has it, and its code there.
    origins: Vec<(u16, u32)>,
    /// For every part: its codes' places among the merged values.
    translations: Vec<Vec<u32>>,
    /// All values, once somebody needed them: views into the parts' decoded dictionaries.
    values: OnceLock<ArrayRef>,
}

impl fmt::Debug for GlobalDictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GlobalDictionary({} values of {} parts)", self.origins.len(), self.parts.len())
    }
}

impl GlobalDictionary {
    fn new(parts: Vec<Arc<PartDictionary>>) -> Result<GlobalDictionary> {
        let values: Vec<ArrayRef> = parts.iter().map(|p| p.values()).collect::<Result<_>>()?;
        let merged = match values.first().map(|v| v.data_type()) {
            Some(ArrowType::UInt32) => of_numbers::<UInt32Type>(&values),
            Some(ArrowType::Int32) => of_numbers::<Int32Type>(&values),
            Some(ArrowType::UInt64) => of_numbers::<UInt64Type>(&values),
            Some(ArrowType::Int64) => of_numbers::<Int64Type>(&values),
            _ => {
                let views: Vec<&BinaryViewArray> =
                    values.iter().map(|v| v.as_binary_view()).collect();
                let lengths: Vec<usize> = views.iter().map(|v| v.len()).collect();
                merge(&lengths, |part, code| views[part].value(code))
            }
        };
        let Merged { origins, translations } = merged;
        Ok(GlobalDictionary {
            id: MemoryDictionary::new_id(),
            parts,
            origins,
            translations,
            values: OnceLock::new(),
        })
    }

    /// The place among the merged values of every code of a part.
    pub(crate) fn translation(&self, part: usize) -> &[u32] {
        &self.translations[part]
    }
}

/// Sorted values of several parts merged.
struct Merged {
    origins: Vec<(u16, u32)>,
    translations: Vec<Vec<u32>>,
}

fn of_numbers<T: ArrowPrimitiveType>(values: &[ArrayRef]) -> Merged
where
    T::Native: Ord,
{
    let values: Vec<&[T::Native]> =
        values.iter().map(|v| v.as_primitive::<T>().values().as_ref()).collect();
    let lengths: Vec<usize> = values.iter().map(|v| v.len()).collect();
    merge(&lengths, |part, code| values[part][code])
}

/// Merges parts of so many values each; `value` gives that of a part's code.
fn merge<V: Ord + Copy>(lengths: &[usize], value: impl Fn(usize, usize) -> V) -> Merged {
    let mut translations: Vec<Vec<u32>> =
        lengths.iter().map(|length| Vec::with_capacity(*length)).collect();
    let mut origins: Vec<(u16, u32)> = Vec::new();
    let parts = lengths.iter().enumerate().filter(|(_, length)| **length > 0);
    let mut heap: BinaryHeap<Reverse<(V, usize)>> =
        parts.map(|(part, _)| Reverse((value(part, 0), part))).collect();
    let mut last: Option<V> = None;
    while let Some(mut top) = heap.peek_mut() {
        let Reverse((least, part)) = *top;
        let code = translations[part].len();
        if last != Some(least) {
            origins.push((part as u16, code as u32));
            last = Some(least);
        }
        translations[part].push(origins.len() as u32 - 1);
        if code + 1 < lengths[part] {
            *top = Reverse((value(part, code + 1), part));
        } else {
            std::collections::binary_heap::PeekMut::pop(top);
        }
    }
    Merged { origins, translations }
}

impl Dictionary for GlobalDictionary {
    fn id(&self) -> u64 {
        self.id
    }

    fn len(&self) -> usize {
        self.origins.len()
    }

    fn values(&self) -> Result<ArrayRef> {
        if let Some(known) = self.values.get() {
            return Ok(known.clone());
        }
        let codes: Vec<u32> = (0..self.origins.len() as u32).collect();
        let values = self.lookup(&codes)?;
        Ok(self.values.get_or_init(|| values).clone())
    }

    fn lookup(&self, codes: &[u32]) -> Result<ArrayRef> {
        let mut of_part: Vec<Vec<u32>> = vec![Vec::new(); self.parts.len()];
        let mut places = Vec::with_capacity(codes.len());
        for code in codes {
            let Some((part, own)) = self.origins.get(*code as usize) else {
                return Err(Error::logical(format!("no code {code} in a dictionary")));
            };
            let list = &mut of_part[usize::from(*part)];
            places.push((usize::from(*part), list.len()));
            list.push(*own);
        }
        let found: Vec<ArrayRef> = self
            .parts
            .iter()
            .zip(&of_part)
            .map(|(part, codes)| {
                if codes.len() * 8 > part.len() {
                    let all = part.values()?;
                    let codes = UInt32Array::from(codes.clone());
                    return arrow_select::take::take(&all, &codes, None)
                        .map_err(|e| Error::logical(e.to_string()));
                }
                part.lookup(codes)
            })
            .collect::<Result<_>>()?;
        let arrays: Vec<&dyn Array> = found.iter().map(AsRef::as_ref).collect();
        arrow_select::interleave::interleave(&arrays, &places)
            .map_err(|e| Error::logical(e.to_string()))
    }
}

/// Merged dictionaries by the parts that they are of, kept between queries.
#[derive(Debug, Default)]
pub(crate) struct Translations {
    known: Mutex<VecDeque<Known>>,
}

/// The ids of the parts' dictionaries, and what they make together.
type Known = (Vec<u64>, Arc<GlobalDictionary>);

impl Translations {
    /// The merged dictionary; made anew only where `worth`.
    pub(crate) fn get(
        &self,
        parts: &[Arc<PartDictionary>],
        worth: bool,
    ) -> Result<Option<Arc<GlobalDictionary>>> {
        let ids: Vec<u64> = parts.iter().map(|p| p.id()).collect();
        {
            let mut known = self.known.lock();
            if let Some(at) = known.iter().position(|(k, _)| *k == ids)
                && let Some(found) = known.remove(at)
            {
                let global = found.1.clone();
                known.push_back(found);
                return Ok(Some(global));
            }
        }
        if !worth {
            return Ok(None);
        }
        let global = Arc::new(GlobalDictionary::new(parts.to_vec())?);
        let mut known = self.known.lock();
        known.push_back((ids, global.clone()));
        let mut total: usize = known.iter().map(|(_, g)| g.len()).sum();
        while total > KEPT_VALUES && known.len() > 1 {
            total -= known.pop_front().map_or(0, |(_, g)| g.len());
        }
        Ok(Some(global))
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.known.lock().clear();
    }
}
