//! Order of strings as a language has it: `ORDER BY s COLLATE 'de'` sorts by keys of the Unicode Collation Algorithm
//! (UTS #10, with the tailorings of CLDR), which compare as bytes.

use base::{Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Registry};
use icu_collator::options::CollatorOptions;
use icu_collator::{Collator, CollatorBorrowed};
use icu_locale_core::Locale;

use super::declare;
use super::strings::{constant_text, require_text, write};

pub(super) fn register(registry: &mut Registry) {
    registry.add_functions(FUNCTIONS);
}

static FUNCTIONS: &[FunctionDeclaration] = &[declare!(
    "String",
    "collationKey",
    "collationKey(s, locale)",
    "Bytes that compare as strings do in a language; `ORDER BY s COLLATE locale` sorts by them.",
    "SELECT collationKey('a', 'en') < collationKey('B', 'en')" => "1",
    (2, 2),
    bind
)];

fn bind(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_text("collationKey", arguments, 0)?;
    let locale = constant_text("collationKey", arguments, 1)?;
    let collator = collator(&locale)?;
    Ok(write(move |text, out| {
        let Ok(()) = collator.write_sort_key_utf8_to(text, out);
    }))
}

fn collator(locale: &[u8]) -> Result<CollatorBorrowed<'static>> {
    let name = String::from_utf8_lossy(locale);
    let Ok(known) = Locale::try_from_str(&name.replace('_', "-")) else {
        bail!(UnsupportedCollationLocale, "Unsupported collation locale: {name}");
    };
    match Collator::try_new((&known).into(), CollatorOptions::default()) {
        Ok(collator) => Ok(collator),
        Err(error) => {
            bail!(UnsupportedCollationLocale, "Unsupported collation locale {name}: {error}")
        }
    }
}
