"""Queries made at random over the tables of a world, as trees, and their SQL.

A query is a dictionary (k: "query") of its clauses; a union holds a list of queries under `union`.
Sources are dictionaries too: table, join, or a query with an alias. Columns of the answer are called
c0, c1 ... so that the ordering can name them.
"""

import expressions
import values

JOINS = ["INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI", "LEFT ANTI", "RIGHT SEMI", "RIGHT ANTI",
         "LEFT ANY", "INNER ANY", "RIGHT ANY", "CROSS"]
JOINABLE = ["SInt", "UInt8", "UInt32", "UInt64", "Int64", "Str", "Date", "Bool", "Fix", "Dec", "UUID", "Enum", "DT"]
OPTIONAL = ["with", "array_join", "prewhere", "where", "group", "rollup", "having", "order", "limit_by",
            "limit", "distinct"]


def empty_query():
    return {"k": "query", "with": [], "select": [], "from": None, "array_join": None, "prewhere": None, "where": None,
            "group": [], "rollup": None, "having": None, "order": [], "limit_by": None, "limit": None,
            "distinct": False, "union": []}


class Queries:
    def __init__(self, rng, tables, banned=()):
        self.rng = rng
        self.tables = tables
        self.banned = banned
        self.names = 0

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def chance(self, share):
        return self.rng.random() < share

    def table(self):
        table = self.rng.choice(self.tables)
        alias = self.name("t")
        scope = [(f"{alias}.{c.name}", c.category) for c in table.columns]
        return {"k": "table", "table": table.name, "alias": alias}, scope

    def source(self, depth):
        """Something to read from with the columns it gives."""
        choice = self.rng.random()
        if depth <= 0 or choice < 0.62:
            return self.table()
        if choice < 0.85:
            return self.join(depth)
        return self.derived(depth)

    def derived(self, depth):
        query, categories = self.query(depth - 1)
        alias = self.name("s")
        return {"k": "from", "q": query, "alias": alias}, [(f"{alias}.c{i}", c) for i, c in enumerate(categories)]

    def join(self, depth):
        rng = self.rng
        left, left_scope = self.table() if self.chance(0.8) else self.source(depth - 1)
        # A join on the right would be written without parentheses, as another one.
        right, right_scope = self.table() if depth < 2 or self.chance(0.8) else self.derived(depth - 1)
        pairs = [(a, b) for a in left_scope for b in right_scope if a[1] == b[1] and a[1] in JOINABLE]
        kind = rng.choice([j for j in JOINS if j not in self.banned] or ["INNER"])
        if not pairs:
            kind = "CROSS"
        source = {"k": "join", "kind": kind, "l": left, "r": right, "on": []}
        if kind == "CROSS":
            return source, left_scope + right_scope
        plain = left["k"] == "table" and right["k"] == "table"
        if plain and self.chance(0.15):
            source["using"] = "id"
        else:
            chosen = rng.sample(pairs, min(len(pairs), rng.choice((1, 1, 2))))
            for (one, category), (other, _) in chosen:
                source["on"].append({"k": "call", "f": "$1 = $2", "c": "Bool", "a": [
                    {"k": "leaf", "t": one, "c": category, "column": True}, {"k": "leaf", "t": other, "c": category, "column": True}]})
        if "RIGHT SEMI" in kind or "RIGHT ANTI" in kind:
            return source, right_scope
        if "SEMI" in kind or "ANTI" in kind:
            return source, left_scope
        # Which of several rows an ANY join takes is free: only columns that do not depend on it.
        if kind == "INNER ANY":
            return source, [(e["a"][0]["t"], e["a"][0]["c"]) for e in source["on"]] or [("1", "SInt")]
        if "ANY" in kind:
            return source, left_scope if kind == "LEFT ANY" else right_scope
        return source, left_scope + right_scope

    def query(self, depth, categories=None):
        """A query with the categories of its columns; `categories` asks for certain ones."""
        rng = self.rng
        query = empty_query()
        query["from"], scope = self.source(depth)
        if depth > 0 and self.chance(0.06):
            inner, kinds = self.query(0)
            name = self.name("w")
            query["with"] = [{"name": name, "q": inner}]
            query["from"], scope = {"k": "table", "table": name, "alias": name, "cte": True}, [(f"{name}.c{i}", c) for i, c in enumerate(kinds)]
        make = expressions.Expressions(rng, self.banned)
        make.subquery = self.subquery if depth > 0 else None
        arrays = [c for c in scope if c[1].startswith("[") and not c[1].startswith("[[")]
        if arrays and self.chance(0.12):
            text, kind = rng.choice(arrays)
            query["array_join"] = {"left": self.chance(0.4), "name": "aj", "e": {"k": "leaf", "t": text, "c": kind, "column": True}}
            scope = scope + [("aj", kind[1:-1])] * 2
        if self.chance(0.45):
            query["where"] = self.condition(make, scope, depth)
        if query["from"]["k"] == "table" and "cte" not in query["from"] and self.chance(0.12):
            query["prewhere"] = self.condition(make, scope, 0)
        if self.chance(0.35) and not categories:
            kinds = self.grouped(query, make, scope)
        else:
            kinds = self.plain(query, make, scope, categories)
        self.ending(query, kinds, depth)
        if depth > 0 and self.chance(0.05) and not query["order"] and not categories:
            other, _ = self.query(0, kinds)
            query["union"].append(other)
        return query, kinds

    def condition(self, make, scope, depth):
        rng = self.rng
        if depth > 0 and self.chance(0.15):
            inner = self.in_query(make, scope)
            if inner:
                return inner
        return make.make("Bool", rng.choice((1, 1, 2, 3)), scope)

    def in_query(self, make, scope):
        rng = self.rng
        # ClickHouse converts the left side to the type of the query, also where that loses digits or bytes.
        found = [c for c in scope if c[1] in JOINABLE and c[1] not in ("Dec", "Fix")]
        if not found:
            return None
        text, kind = rng.choice(found)
        source, inner = self.table()
        same = [c for c in inner if c[1] == kind]
        query = empty_query()
        query["from"] = source
        element = {"k": "leaf", "t": rng.choice(same)[0], "c": kind, "column": True} if same else make.leaf(kind, inner)
        query["select"] = [{"alias": "e0", "e": element}]
        query["where"] = make.make("Bool", 1, inner) if self.chance(0.5) else None
        words = rng.choice(("IN", "IN", "NOT IN"))
        return {"k": "call", "f": f"($1 {words} $2)", "c": "Bool",
                "a": [{"k": "leaf", "t": text, "c": kind, "column": True}, {"k": "sub", "q": query, "c": "set"}]}

    def subquery(self, category, scope):
        """A scalar subquery of a category, or nothing where none can be made."""
        rng = self.rng
        make = expressions.Expressions(rng, self.banned)
        source, inner = self.table()
        found = [c for c in inner if c[1] in values.fits(category)]
        if not found:
            return None
        text, kind = rng.choice(found)
        query = empty_query()
        query["from"] = source
        column = {"k": "leaf", "t": text, "c": kind, "column": True}
        query["select"] = [{"alias": "e0", "e": {"k": "call", "f": rng.choice(("min", "max")), "a": [column], "c": kind}}]
        query["where"] = make.make("Bool", 1, inner) if self.chance(0.3) else None
        return {"k": "sub", "q": query, "c": kind}

    def plain(self, query, make, scope, categories):
        rng = self.rng
        if categories:
            made = [make.make(c, rng.choice((0, 0, 1)), scope) for c in categories]
        else:
            made = [make.any_call(rng.choice((1, 1, 2, 2, 3)), scope) if self.chance(0.8) else make.leaf("Any", scope)
                    for _ in range(rng.choice((1, 1, 2, 2, 3)))]
        query["select"] = [{"alias": f"c{i}", "e": e} for i, e in enumerate(made)]
        query["distinct"] = self.chance(0.12)
        return [e["c"] for e in made]

    def grouped(self, query, make, scope):
        rng = self.rng
        keys = [make.leaf("Any", scope) if self.chance(0.7) else make.any_call(1, scope) for _ in range(rng.choice((0, 1, 1, 2)))]
        keys = [k for k in keys if k["k"] != "leaf" or k.get("column")]
        columns = [(k["t"], k["c"]) for k in keys if k["k"] == "leaf"]
        query["group"] = keys
        # Computed keys may be constants or injective, which ClickHouse's optimizer takes out of the key or apart.
        if keys and len(columns) == len(keys) and "rollup" not in self.banned and self.chance(0.1):
            query["rollup"] = rng.choice(("ROLLUP", "CUBE"))
            columns = []
        made = keys + [make.aggregate(rng.choice((1, 1, 2)), scope, columns) for _ in range(rng.choice((1, 1, 2, 3)))]
        if self.chance(0.25):
            last = made[-1]
            wrapped = make.make(last["c"], 1, [("\0", last["c"])] * 5) if last["c"] in values.COLUMNS else last
            made[-1] = substitute(wrapped, "\0", last)
        query["select"] = [{"alias": f"c{i}", "e": e} for i, e in enumerate(made)]
        if self.chance(0.2):
            count = {"k": "call", "f": "count", "a": [], "c": "Int"}
            query["having"] = {"k": "call", "f": rng.choice(("$1 > $2", "$1 <= $2")), "c": "Bool",
                               "a": [count, {"k": "leaf", "t": str(rng.randrange(6)), "c": "Int"}]}
        return [e["c"] for e in made]

    def ending(self, query, kinds, depth):
        """ORDER BY with LIMIT: by all columns where a limit follows, so that the answer is one."""
        rng = self.rng
        orderable = not any(k.startswith("{") for k in kinds)
        if orderable and self.chance(0.3):
            order = list(range(len(kinds)))
            rng.shuffle(order)
            query["order"] = [f"c{i}{rng.choice(('', ' ASC', ' DESC'))}{rng.choice(('', '', ' NULLS FIRST', ' NULLS LAST'))}" for i in order]
            if self.chance(0.6):
                query["limit"] = rng.choice(("1", "3", "10", "5 OFFSET 2", "100"))
            elif self.chance(0.3):
                query["limit_by"] = f"{rng.choice((1, 2))} BY c{rng.choice(order)}"


def substitute(node, text, value):
    """A tree with a leaf of a certain text replaced."""
    if node["k"] == "leaf":
        return value if node["t"] == text else node
    if "a" in node:
        node["a"] = [substitute(a, text, value) for a in node["a"]]
    return node


def source_sql(source):
    if source["k"] == "table":
        alias = "" if source.get("cte") else f" AS {source['alias']}"
        return source["table"] + alias
    if source["k"] == "from":
        return f"({sql(source['q'])}) AS {source['alias']}"
    left, right = source_sql(source["l"]), source_sql(source["r"])
    text = f"{left} {source['kind']} JOIN {right}"
    if source["kind"] == "CROSS":
        return text
    if source.get("using"):
        return f"{text} USING ({source['using']})"
    return text + " ON " + " AND ".join(expressions.render(e, sql) for e in source["on"])


def sql(query):
    """The text of a query."""
    def text(node):
        return expressions.render(node, sql)
    parts = []
    if query["with"]:
        parts.append("WITH " + ", ".join(f"{w['name']} AS ({sql(w['q'])})" for w in query["with"]))
    parts.append("SELECT " + ("DISTINCT " if query["distinct"] else "") + ", ".join(f"{text(s['e'])} AS {s['alias']}" for s in query["select"]))
    if query["from"]:
        parts.append("FROM " + source_sql(query["from"]))
    if query["array_join"]:
        joined = query["array_join"]
        parts.append(f"{'LEFT ' if joined['left'] else ''}ARRAY JOIN {text(joined['e'])} AS {joined['name']}")
    for word in ("prewhere", "where"):
        if query[word]:
            parts.append(f"{word.upper()} {text(query[word])}")
    if query["group"]:
        parts.append("GROUP BY " + ", ".join(text(e) for e in query["group"]))
        if query["rollup"]:
            parts.append("WITH " + query["rollup"])
    if query["having"]:
        parts.append("HAVING " + text(query["having"]))
    if query["order"]:
        parts.append("ORDER BY " + ", ".join(query["order"]))
    if query["limit_by"]:
        parts.append("LIMIT " + query["limit_by"])
    if query["limit"]:
        parts.append("LIMIT " + query["limit"])
    made = " ".join(parts)
    return " UNION ALL ".join([made] + [sql(q) for q in query["union"]])


def zeros_merge(query):
    """Whether rows repeat for ClickHouse by their order or by their bits, as it finds fit: 0 and -0 are the same or not."""
    inside = [query] + [part for key in ("with", "union") for part in query[key]]
    inside = [q.get("q", q) for q in inside]
    source = query["from"]
    if source and source["k"] == "from":
        inside += [source["q"]]
    return any(q["distinct"] or q["limit_by"] for q in inside) and ("limited" if query["limit"] else True)


def ordered(query):
    """Whether all rows of the answer stand in an order the query tells."""
    return len(query["order"]) == len(query["select"]) and not query["union"]
