//! Addresses of network cards.

use arrow_array::types::UInt64Type;
use base::Result;
use expr::{Bound, FunctionDeclaration, Registry};
use types::{Column, DataType};

use super::declare;
use super::strings::{BytesBuilder, Integers, illegal, number, require_text};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Other", "MACNumToString", "MACNumToString(number)", "A number of 48 bits as the address of a network card.",
    "SELECT MACNumToString(1108152157446)" => "01:02:03:04:05:06", (1, 1), |_, a| {
        match a[0].data_type == DataType::UInt64 {
            true => Ok(shown()),
            false => Err(illegal("MACNumToString", &a[0])),
        }
    }),
    declare!("Other", "MACStringToNum", "MACStringToNum(s)", "The number of the address of a network card; 0 where the text is none.",
    "SELECT MACStringToNum('01:02:03:04:05:06')" => "1108152157446", (1, 1), |_, a| {
        require_text("MACStringToNum", a, 0)?;
        Ok(number::<UInt64Type>(DataType::UInt64, |s| bytes(s, 6, true)))
    }),
    declare!("Other", "MACStringToOUI", "MACStringToOUI(s)", "The number of the first three bytes of the address of a network card, which stand for its maker; 0 where the text is none.",
    "SELECT MACStringToOUI('01:02:03:04:05:06')" => "66051", (1, 1), |_, a| {
        require_text("MACStringToOUI", a, 0)?;
        Ok(number::<UInt64Type>(DataType::UInt64, |s| bytes(s, 3, false)))
    }),
];

fn shown() -> Bound {
    Bound::new(DataType::String, |columns: &[Column], rows| -> Result<Column> {
        let numbers = Integers::new(&columns[0])?;
        let mut out = BytesBuilder::new(rows);
        for row in 0..rows {
            let bytes = numbers.get(row).to_be_bytes();
            let pairs: Vec<String> = bytes[2..].iter().map(|b| format!("{b:02X}")).collect();
            out.append(pairs.join(":").as_bytes());
        }
        out.column()
    })
}

/// The first bytes of an address written in pairs of hexadecimal digits; 0 for other texts.
fn bytes(text: &[u8], count: usize, whole: bool) -> u64 {
    let pair = |at: usize| -> Option<u64> {
        let digits = std::str::from_utf8(text.get(at * 3..at * 3 + 2)?).ok()?;
        u64::from_str_radix(digits, 16).ok()
    };
    let length = count * 3 - 1;
    if text.len() < length || whole && text.len() != length {
        return 0;
    }
    (0..count).try_fold(0, |number, at| Some(number << 8 | pair(at)?)).unwrap_or(0)
}
