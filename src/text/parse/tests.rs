//! Strings and the queries they give, written in brackets: `+` must, `-` must not.

use super::*;

fn parser() -> QueryParser {
    let field = |name: &str, boost, is_default| ParserField {
        name: name.into(),
        analyzer: Analyzer::new("default").unwrap(),
        boost,
        is_default,
    };
    QueryParser::new(vec![field("body", 1.0, true), field("title", 1.0, false)], false)
}

fn show(query: &Query) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let place = |field: &usize| if *field == 0 { "" } else { "title:" };
    match query {
        Query::All => "all".into(),
        Query::None => "none".into(),
        Query::Term { field, term } => format!("{}{}", place(field), text(term)),
        Query::Pattern { field, pattern } => {
            let shown = match pattern {
                Pattern::Prefix(prefix) => format!("{}*", text(prefix)),
                Pattern::Wildcard(wildcard) => format!("wild {wildcard}"),
                Pattern::Regex(regex) => format!("/{regex}/"),
                Pattern::Fuzzy { term, edits, .. } => format!("{}~{edits:?}", text(term)),
            };
            format!("{}{shown}", place(field))
        }
        Query::Phrase { field, terms, slop } => {
            let words: Vec<_> = terms
                .iter()
                .map(|t| format!("{}{}", text(&t.term), if t.prefix { "*" } else { "" }))
                .collect();
            format!("{}\"{}\"~{slop}", place(field), words.join(" "))
        }
        Query::Bool { must, should, must_not, .. } => {
            let all = must.iter().map(|q| format!("+{}", show(q)));
            let all = all.chain(should.iter().map(show));
            let all = all.chain(must_not.iter().map(|q| format!("-{}", show(q))));
            format!("({})", all.collect::<Vec<_>>().join(" "))
        }
        Query::Boost(inner, factor) => format!("{}^{factor}", show(inner)),
        other => format!("{other:?}"),
    }
}

fn check(text: &str, expected: &str) {
    let query = parser().strict(text).map_or_else(|e| e.to_string(), |query| show(&query));
    assert_eq!(query, expected, "{text}");
}

fn refused(text: &str, expected: &str) {
    let error = parser().strict(text).unwrap_err().to_string();
    assert!(error.contains(expected), "{text}: {error}");
    parser().lenient(text);
}

#[test]
fn strings_become_queries() {
    check("one", "one");
    check("One two", "(one two)");
    check("+must -not \"a phrase\"~2", "(+must \"a phrase\"~2 -not)");
    check(
        "pre* wil?card /re+/ fuzz~1 fuzz~",
        "(pre* wild wil?card /re+/ fuzz~Exactly(1) fuzz~Auto)",
    );
    check("title:x^2", "title:x^2");
    check("(a OR b) AND NOT c", "(+(a b) -c)");
    check("a OR b AND c", "(a (+b +c))");
    check("a b AND c", "(a (+b +c))");
    check("a && b || !c", "((+a +b) -c)");
    check("title:(a b)^3 c", "((title:a title:b)^3 c)");
    check("-a", "(+all -a)");
    check("*", "all");
    check("\"quick bro*\"", "\"quick bro*\"~0");
    check(r"a\+b", "\"a b\"~0");
    check(r"\*", "none");
    check("Foo-Bar", "\"foo bar\"~0");
    check("\"one\"", "one");
    check("", "none");
    check("x^0.5", "x^0.5");
    check("PRE*", "pre*");
}

#[test]
fn mistakes_are_told_with_their_place() {
    refused("a \"b", "at character 3: this quote is not closed");
    refused("a (b", "at character 3: this bracket is not closed");
    refused("a) b", "at character 2: there is no opening bracket");
    refused("a [1 TO 2]", "at character 3: ranges are not supported");
    refused("other:x", "there is no field 'other'");
    refused("a AND", "an operator lacks what stands behind it");
    refused("OR a", "an operator lacks what stands before it");
    refused("a^x", "at character 2: a boost is a number");
    refused("a~7", "0, 1, 2 or AUTO edits off, not 7");
    refused("/(a/", "Regular expression '(a'");
    refused("ü :", "at character 3: ':' does not belong here");
    refused(&"(".repeat(200), "nested too deep");
}

#[test]
fn the_lenient_mode_makes_the_best_of_it() {
    let lenient = |text: &str| show(&parser().lenient(text));
    assert_eq!(lenient("a \"b"), "(a b)");
    assert_eq!(lenient("a (b"), "(a b)");
    assert_eq!(lenient("other:x y"), "(x y)");
    assert_eq!(lenient(")))"), "none");
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "[a-c\"()+\\-~^:*?/\\\\ \\[üAND]{0,40}", all_words: bool) {
        let mut parser = parser();
        parser.all_words = all_words;
        let _ = parser.strict(&text);
        parser.lenient(&text);
    }
}
