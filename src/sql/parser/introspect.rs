//! SHOW, DESCRIBE, EXISTS, EXPLAIN, SYSTEM.

use super::Parser;
use crate::ast::{
    Describe, Explain, ExplainKind, ObjectKind, Show, ShowFilter, Statement, SystemCommand,
    TableName,
};
use crate::token::TokenKind;
use base::Result;

/// Words of SYSTEM's commands; what follows them is a table.
const SYSTEM_WORDS: &[&str] = &[
    "AGGREGATE",
    "ALL",
    "ASYNC",
    "ASYNCHRONOUS",
    "CACHE",
    "CHECKPOINT",
    "CLEAR",
    "COMPILED",
    "CONDITION",
    "CONFIG",
    "CONNECTIONS",
    "DICTIONARIES",
    "DICTIONARY",
    "DISABLE",
    "DISTRIBUTED",
    "DNS",
    "DROP",
    "EMBEDDED",
    "ENABLE",
    "EXPRESSION",
    "FETCHES",
    "FILESYSTEM",
    "FILTER",
    "FLUSH",
    "FORMAT",
    "FUNCTION",
    "FUNCTIONS",
    "FUZZER",
    "INDEX",
    "INSERT",
    "JEMALLOC",
    "KILL",
    "LISTEN",
    "LOGS",
    "MARK",
    "MERGES",
    "METRICS",
    "MMAP",
    "MODEL",
    "MODELS",
    "MOVES",
    "PAGE",
    "PARTIAL",
    "PREFETCHES",
    "PRIMARY",
    "PURGE",
    "QUERIES",
    "QUERY",
    "QUEUE",
    "QUEUES",
    "RELOAD",
    "REPLICA",
    "REPLICAS",
    "REPLICATED",
    "REPLICATION",
    "RESTART",
    "SCHEMA",
    "SECONDARY",
    "SENDS",
    "SHUTDOWN",
    "SIMILARITY",
    "SKIPPING",
    "START",
    "STOP",
    "SYMBOLS",
    "SYNC",
    "TEXT",
    "THREAD",
    "TTL",
    "UNCOMPRESSED",
    "UNFREEZE",
    "UNLOAD",
    "USERS",
    "VECTOR",
    "VIEW",
    "VIEWS",
    "WAIT",
];

impl Parser<'_> {
    pub(super) fn show(&mut self) -> Result<Statement> {
        self.expect("SHOW")?;
        if self.eat("CREATE") {
            return self.show_create();
        }
        let full = self.eat("FULL");
        self.eat("EXTENDED");
        let changed = self.eat("CHANGED");
        self.eat("TEMPORARY");
        let show = if self.eat("DATABASES") {
            Show::Databases(self.show_filter()?)
        } else if self.eat("TABLES") {
            let database = self.show_database()?;
            Show::Tables { database, full, filter: self.show_filter()? }
        } else if self.eat("COLUMNS") || self.eat("FIELDS") {
            let table = self.show_table()?;
            Show::Columns { table, full, filter: self.show_filter()? }
        } else if self.eat("INDEXES")
            || self.eat("INDEX")
            || self.eat("INDICES")
            || self.eat("KEYS")
        {
            Show::Indexes(self.show_table()?)
        } else if self.eat("PROCESSLIST") {
            Show::ProcessList
        } else if self.eat("SETTINGS") {
            let mut filter = self.show_filter()?;
            if changed {
                let condition = crate::parse_expression("changed")?;
                filter.filter.get_or_insert(condition);
            }
            Show::Settings(filter)
        } else if self.eat("FUNCTIONS") {
            Show::Functions(self.show_filter()?)
        } else if self.eat("ENGINES") {
            Show::Engines
        } else if self.eat("GRANTS") {
            if self.eat("FOR") {
                self.identifier()?;
            }
            Show::Grants
        } else {
            return self.show_other();
        };
        Ok(Statement::Show(show))
    }

    fn show_other(&mut self) -> Result<Statement> {
        let mut words = Vec::new();
        while self.peek().kind == TokenKind::Word
            && !self.is_one_of(0, &["FROM", "LIKE", "FORMAT", "SETTINGS", "INTO"])
        {
            words.push(self.word(self.peek()).to_ascii_uppercase());
            self.advance();
        }
        if words.is_empty() {
            return self.expected("what to show");
        }
        // `SHOW DICTIONARIES FROM db` and its like: there are none, wherever they are looked for.
        self.show_database()?;
        self.show_filter()?;
        Ok(Statement::Show(Show::Other(words.join(" "))))
    }

    fn show_create(&mut self) -> Result<Statement> {
        self.eat("TEMPORARY");
        let named = self.is_name(1) || self.nth(1).kind == TokenKind::QuotedName;
        let object = if named && !self.is_word(1, "FORMAT") {
            self.object_kind().unwrap_or(ObjectKind::Table)
        } else {
            ObjectKind::Table
        };
        let name = self.object_name(object)?;
        Ok(Statement::Show(Show::Create { object, name }))
    }

    fn show_database(&mut self) -> Result<Option<String>> {
        if self.eat("FROM") || (!self.is_word(1, "(") && self.eat("IN")) {
            return self.identifier().map(Some);
        }
        Ok(None)
    }

    /// `FROM t [FROM db]`
    fn show_table(&mut self) -> Result<TableName> {
        if !self.eat("IN") {
            self.expect("FROM")?;
        }
        let mut name = self.table_name()?;
        if let Some(database) = self.show_database()? {
            name.database = Some(database);
        }
        Ok(name)
    }

    fn show_filter(&mut self) -> Result<ShowFilter> {
        let mut filter = ShowFilter::default();
        if self.is_word(0, "NOT") && self.is_one_of(1, &["LIKE", "ILIKE"]) {
            self.advance();
            filter.negated = true;
        }
        if self.eat("LIKE") {
            filter.like = Some(self.string()?);
        } else if self.eat("ILIKE") {
            filter.case_insensitive = true;
            filter.like = Some(self.string()?);
        } else if self.eat("WHERE") {
            filter.filter = Some(self.expression()?);
        }
        if self.eat("LIMIT") {
            filter.limit = Some(self.expression()?);
        }
        Ok(filter)
    }

    pub(super) fn describe(&mut self) -> Result<Statement> {
        self.advance();
        if self.is_word(0, "TABLE") && (self.is_name(1) || self.is(1, "(")) {
            self.advance();
        }
        let describe = if self.is_query(0) || self.is(0, "(") {
            Describe::Query(Box::new(self.query()?))
        } else if self.is_name(0) && self.is(1, "(") {
            let name = self.identifier()?;
            Describe::Function { name, arguments: self.plain_arguments()? }
        } else {
            Describe::Table(self.table_name()?)
        };
        Ok(Statement::Describe(describe))
    }

    pub(super) fn exists(&mut self) -> Result<Statement> {
        self.expect("EXISTS")?;
        self.eat("TEMPORARY");
        let kind = if self.is_name(1) {
            self.object_kind().unwrap_or(ObjectKind::Table)
        } else {
            ObjectKind::Table
        };
        Ok(Statement::Exists { kind, name: self.object_name(kind)? })
    }

    pub(super) fn explain(&mut self) -> Result<Statement> {
        const KINDS: &[(&str, ExplainKind)] = &[
            ("PLAN", ExplainKind::Plan),
            ("PIPELINE", ExplainKind::Pipeline),
            ("AST", ExplainKind::Ast),
            ("SYNTAX", ExplainKind::Syntax),
            ("QUERY TREE", ExplainKind::QueryTree),
            ("ESTIMATE", ExplainKind::Estimate),
            ("TABLE OVERRIDE", ExplainKind::TableOverride),
        ];
        self.expect("EXPLAIN")?;
        let kind = KINDS.iter().find(|(word, _)| self.eat(word)).map(|(_, kind)| *kind);
        let settings = if self.peek().kind == TokenKind::Word && self.is(1, "=") {
            self.settings()?
        } else {
            Vec::new()
        };
        let statement = self.nested(1, |parser| {
            if parser.is_query(0) || parser.is(0, "(") {
                let query = parser.query()?;
                return Ok(Statement::Query(Box::new(query)));
            }
            parser.statement()
        })?;
        let format = if self.eat("FORMAT") { Some(self.identifier()?) } else { None };
        let kind = kind.unwrap_or(ExplainKind::Plan);
        Ok(Statement::Explain(Box::new(Explain { kind, settings, statement, format })))
    }

    pub(super) fn system(&mut self) -> Result<Statement> {
        self.expect("SYSTEM")?;
        let mut words = Vec::new();
        while self.is_one_of(0, SYSTEM_WORDS) && !self.is(1, ".") {
            words.push(self.word(self.peek()).to_ascii_uppercase());
            self.advance();
        }
        if words.is_empty() {
            return self.expected("command of SYSTEM");
        }
        self.on_cluster()?;
        let mut command = SystemCommand { words: words.join(" "), table: None, tag: None };
        if self.eat("TAG") {
            command.tag = Some(self.string()?);
        } else if self.is_name(0) {
            command.table = Some(self.table_name()?);
            self.on_cluster()?;
        }
        Ok(Statement::System(command))
    }
}
