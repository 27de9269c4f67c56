//! The reference for people: everything that SQL can name, from the declarations that the engine itself
//! uses, as Markdown (`granary reference`) or as a page (`/reference` of a server).
//!
//! Every entry has an example, which the tests run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::Example;
use expr::Registry;

use crate::metrics::METRICS;
use crate::settings::SETTINGS;

/// The page around the entries: style and a field to look for names.
const PAGE_HEAD: &str = include_str!("reference/head.html");

/// What there is to say about one name.
struct Entry {
    name: &'static str,
    /// Other names, a default, ...: what stands behind the name.
    aside: String,
    syntax: &'static str,
    description: &'static str,
    examples: Vec<Example>,
}

/// Entries of one kind.
struct Chapter {
    title: String,
    entries: Vec<Entry>,
}

fn other_names(aliases: &[&str]) -> String {
    if aliases.is_empty() { String::new() } else { format!("also {}", aliases.join(", ")) }
}

fn functions(registry: &Registry) -> Vec<Chapter> {
    let mut by_category: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for (name, function) in registry.functions() {
        if name != function.name || name.starts_with('_') {
            continue;
        }
        by_category.entry(function.category).or_default().push(Entry {
            name,
            aside: other_names(function.aliases),
            syntax: function.syntax,
            description: function.description,
            examples: function.examples.to_vec(),
        });
    }
    let chapters = by_category.into_iter();
    chapters
        .map(|(category, entries)| Chapter { title: format!("Functions: {category}"), entries })
        .collect()
}

fn aggregates(registry: &Registry) -> Vec<Entry> {
    let all = registry.aggregates().into_iter().filter(|(name, a)| *name == a.name);
    let entries = all.map(|(name, aggregate)| Entry {
        name,
        aside: other_names(aggregate.aliases),
        syntax: aggregate.syntax,
        description: aggregate.description,
        examples: aggregate.examples.to_vec(),
    });
    entries.collect()
}

fn combinators(registry: &Registry) -> Vec<Entry> {
    let entries = registry.combinators().iter().map(|combinator| Entry {
        name: combinator.suffix,
        aside: String::new(),
        syntax: "",
        description: combinator.description,
        examples: vec![combinator.example],
    });
    entries.collect()
}

fn windows(registry: &Registry) -> Vec<Entry> {
    let entries = registry.windows().iter().map(|window| Entry {
        name: window.name,
        aside: other_names(window.aliases),
        syntax: window.syntax,
        description: window.description,
        examples: window.examples.to_vec(),
    });
    entries.collect()
}

fn data_types() -> Vec<Entry> {
    let entries = types::families().iter().map(|family| Entry {
        name: family.name,
        aside: other_names(family.aliases),
        syntax: family.syntax,
        description: family.description,
        examples: vec![family.example],
    });
    entries.collect()
}

fn formats() -> Vec<Entry> {
    let entries = format::formats().iter().map(|format| Entry {
        name: format.name,
        aside: match (format.is_input(), format.is_output(), other_names(format.aliases)) {
            (true, true, names) => names,
            (true, false, names) => format!("only read {names}"),
            (false, _, names) => format!("only written {names}"),
        },
        syntax: "",
        description: format.description,
        examples: vec![format.example],
    });
    entries.collect()
}

fn settings() -> Vec<Entry> {
    let entries = SETTINGS.iter().map(|setting| Entry {
        name: setting.name,
        aside: format!("{}, {:?} unless set", setting.kind.name(), setting.default),
        syntax: "",
        description: setting.description,
        examples: vec![setting.example],
    });
    entries.collect()
}

fn metrics() -> Vec<Entry> {
    let entries = METRICS.iter().map(|metric| Entry {
        name: metric.name,
        aside: String::new(),
        syntax: "",
        description: metric.help,
        examples: Vec::new(),
    });
    entries.collect()
}

fn chapters(registry: &Registry) -> Vec<Chapter> {
    let mut all = functions(registry);
    for (title, entries) in [
        ("Aggregate functions", aggregates(registry)),
        ("Suffixes of aggregate functions", combinators(registry)),
        ("Window functions", windows(registry)),
        ("Data types", data_types()),
        ("Formats", formats()),
        ("Settings", settings()),
        ("Metrics and events", metrics()),
    ] {
        all.push(Chapter { title: title.to_owned(), entries });
    }
    all
}

/// The reference as Markdown.
pub fn markdown(registry: &Registry) -> String {
    let mut out = String::from("# Granary's reference\n");
    for chapter in chapters(registry) {
        let _ = write!(out, "\n## {}\n", chapter.title);
        for entry in chapter.entries {
            let _ = write!(out, "\n### {}\n\n", entry.name);
            if !entry.aside.is_empty() {
                let _ = write!(out, "_{}_\n\n", entry.aside.trim());
            }
            if !entry.syntax.is_empty() && entry.syntax != entry.name {
                let _ = write!(out, "`{}`\n\n", entry.syntax);
            }
            let _ = writeln!(out, "{}", entry.description);
            for example in entry.examples {
                let _ = write!(out, "\n```sql\n{}\n```\n", example.sql);
                let _ = write!(out, "\n```text\n{}\n```\n", example.result);
            }
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The reference as one page without anything from elsewhere.
pub fn page(registry: &Registry) -> String {
    let mut out = String::from(PAGE_HEAD);
    for chapter in chapters(registry) {
        let _ = writeln!(out, "<section><h2>{}</h2>", escaped(&chapter.title));
        for entry in chapter.entries {
            let name = escaped(entry.name);
            let _ = write!(out, "<article id=\"{name}\"><h3><a href=\"#{name}\">{name}</a>");
            let _ = write!(out, " <small>{}</small></h3>", escaped(entry.aside.trim()));
            if !entry.syntax.is_empty() && entry.syntax != entry.name {
                let _ = write!(out, "<code>{}</code>", escaped(entry.syntax));
            }
            let _ = write!(out, "<p>{}</p>", escaped(entry.description));
            for example in entry.examples {
                let (sql, result) = (escaped(example.sql), escaped(example.result));
                let _ = write!(out, "<pre><b>{sql}</b>\n{result}</pre>");
            }
            out.push_str("</article>\n");
        }
        out.push_str("</section>\n");
    }
    out.push_str("</main></body></html>\n");
    out
}
