//! Strings that every match of a regular expression has.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind, Look};

/// A string that every match has, and whether the text begins or ends with it.
pub(crate) struct Literal {
    pub(crate) bytes: Vec<u8>,
    pub(crate) from_start: bool,
    pub(crate) to_end: bool,
}

/// The strings that texts have which a pattern matches; of choices none are told. Nothing for what is no pattern.
pub(crate) fn required(pattern: &[u8]) -> Vec<Literal> {
    let Some(translated) =
        std::str::from_utf8(pattern).ok().and_then(|p| super::syntax::translate(p).ok())
    else {
        return Vec::new();
    };
    let mut parser = ParserBuilder::new().utf8(false).dot_matches_new_line(true).build();
    let mut found = Vec::new();
    if let Ok(hir) = parser.parse(&translated) {
        collect(&hir, &mut found);
    }
    found
}

fn collect(hir: &Hir, found: &mut Vec<Literal>) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            found.push(Literal { bytes: literal.0.to_vec(), from_start: false, to_end: false });
        }
        HirKind::Capture(capture) => collect(&capture.sub, found),
        HirKind::Repetition(repetition) if repetition.min > 0 => collect(&repetition.sub, found),
        HirKind::Concat(parts) => {
            for (at, part) in parts.iter().enumerate() {
                let first = found.len();
                collect(part, found);
                let is = |place: Option<&Hir>, look| {
                    place.is_some_and(|hir| matches!(hir.kind(), HirKind::Look(l) if *l == look))
                };
                if let (HirKind::Literal(_), Some(literal)) = (part.kind(), found.get_mut(first)) {
                    literal.from_start =
                        is(at.checked_sub(1).and_then(|at| parts.get(at)), Look::Start);
                    literal.to_end = is(parts.get(at + 1), Look::End);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_match_has_is_told() {
        for (pattern, expected) in [
            ("a.y$", "a y>"),
            ("^granary x+(yz)?(abc){2}", "<granary  x abc"),
            ("foo|bar", ""),
            ("(?i)foo", ""),
            (r"error: \d+ of (disk|net) failed", "error:   of   failed"),
            ("[", ""),
        ] {
            let found = required(pattern.as_bytes());
            let shown = found.iter().map(|literal| {
                let (start, end) = (
                    ["", "<"][usize::from(literal.from_start)],
                    ["", ">"][usize::from(literal.to_end)],
                );
                format!("{start}{}{end}", String::from_utf8_lossy(&literal.bytes))
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{pattern}");
        }
    }
}
