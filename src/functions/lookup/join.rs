//! Values of tables of the engine Join.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration};
use types::{Column, DataType, Value};

use super::keys::KeyReader;
use super::{gather, name_of, of_dictionary};

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    of_dictionary!(
        "joinGet",
        "joinGet(table, column, key, ...)",
        "The value of a column of a table of the engine Join; the type's default where the key is not there.",
        (3, usize::MAX),
        |c, a| join_get(c, "joinGet", a, false)
    ),
    of_dictionary!(
        "joinGetOrNull",
        "joinGetOrNull(table, column, key, ...)",
        "The value of a column of a table of the engine Join; NULL where the key is not there.",
        (3, usize::MAX),
        |c, a| join_get(c, "joinGetOrNull", a, true)
    ),
];

fn join_get(
    context: &FunctionContext,
    function: &'static str,
    arguments: &[Argument],
    or_null: bool,
) -> Result<Bound> {
    let table = name_of(function, arguments, 0)?;
    let lookup = context.lookups.source()?.join_table(&context.database, table)?;
    let column = name_of(function, arguments, 1)?;
    let Some(at) = lookup.attribute(column) else {
        bail!(NoSuchColumnInTable, "Table {} has no column {column} to get", lookup.name);
    };
    let keys = KeyReader::of_arguments(context, function, &lookup, arguments, 2)?;
    let own = lookup.attributes[at].data_type.clone();
    let return_type = if or_null { own.clone().nullable() } else { own };
    let result = return_type.clone();
    Ok(Bound::new(return_type, move |columns: &[Column], rows| {
        let found = keys.find(columns, rows)?;
        let attribute = &lookup.attributes[at];
        let missing =
            if or_null && result.is_nullable() { Value::Null } else { attribute.default.clone() };
        let wide: &DataType = &result;
        Ok(Column::Flat(gather(&attribute.values, wide, &missing, &found)?))
    }))
}
