"""Makes a finding small: drops clauses, replaces expressions by their parts, takes away rows and tables."""

import copy
import re
from dataclasses import dataclass, field

import comparison
import expressions
import queries

MOST_TESTS = 300
DROPPED_WITH_ORDER = ("limit", "limit_by")
SIMPLE = {"Str": ["'a'", "''"], "Bool": ["true"], "Float": ["1.5"], "Date": ["toDate('2024-01-01')"]}
FREE_CHOICE = ("any", "anyLast", "argMin", "argMax")


@dataclass
class Finding:
    kind: str
    query: str
    setup: list
    granary: str
    clickhouse: str
    functions: list
    clauses: list
    original: str
    count: int = 1
    seeds: list = field(default_factory=list)

    def cause(self):
        names = self.functions or self.clauses or ["SELECT"]
        return f"{self.kind.split('/')[0]} | {' + '.join(names)}"


def holders(tree):
    """Every place of a tree that holds an expression, as (container, key)."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        if key == "on":
            continue  # conditions of joins stay as they are: with others they would not be joins
        if isinstance(value, dict) and value.get("k") in ("call", "leaf", "sub", "lambda"):
            yield tree, key
        yield from holders(value)


def all_queries(tree):
    if isinstance(tree, dict):
        if tree.get("k") == "query":
            yield tree
        for value in tree.values():
            yield from all_queries(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from all_queries(value)


def alternatives(node):
    """Simpler expressions than a node."""
    if node["k"] == "lambda" or node.get("c") in ("constant", "set"):
        return
    for child in node.get("a", ()):
        if child["k"] == "lambda":
            yield from (c for c in child["a"])
        elif child.get("c") not in ("constant", "set"):
            yield child
    for text in SIMPLE.get(node.get("c"), ["1"]):
        if not node.get("column") and text != node.get("t"):
            yield {"k": "leaf", "t": text, "c": node.get("c", "Int")}


def without_clauses(query):
    """Copies of a query with one clause less each, down into the queries inside."""
    count = sum(1 for _ in all_queries(query))
    for place in range(count):
        for key in queries.OPTIONAL:
            made = copy.deepcopy(query)
            inside = list(all_queries(made))[place]
            if not inside[key] or (key == "group" and set(FREE_CHOICE) & set(expressions.functions_of(inside))):
                continue
            inside[key] = [] if isinstance(inside[key], list) else None
            if key == "order":
                inside["limit"] = inside["limit_by"] = None
            yield made
        here = list(all_queries(query))[place]
        for i in range(len(here["select"]) if len(here["select"]) > 1 and not query["union"] else 0):
            made = copy.deepcopy(query)
            inside = list(all_queries(made))[place]
            gone = inside["select"].pop(i)
            inside["order"] = [o for o in inside["order"] if o.split()[0] != gone["alias"]]
            inside["group"] = [g for g in inside["group"] if g != gone["e"]] if inside["group"] else []
            if not inside["order"]:
                inside["limit"] = inside["limit_by"] = None
            yield made
        for i in range(len(here["union"])):
            made = copy.deepcopy(query)
            list(all_queries(made))[place]["union"].pop(i)
            yield made


def without_sources(query):
    """Copies of a query with a simpler source, and the queries inside on their own."""
    for inside in list(all_queries(query))[1:]:
        yield copy.deepcopy(inside)
    if not query["from"]:
        return
    if query["from"]["k"] == "join":
        for side in ("l", "r"):
            made = copy.deepcopy(query)
            made["from"] = made["from"][side]
            yield made
        if "ANY" not in query["from"]["kind"]:
            for i in range(len(query["from"]["on"]) if len(query["from"]["on"]) > 1 else 0):
                made = copy.deepcopy(query)
                made["from"]["on"].pop(i)
                yield made
    made = copy.deepcopy(query)
    made["from"] = None
    yield made


def simpler(query):
    """All candidates one step smaller."""
    yield from without_sources(query)
    yield from without_clauses(query)
    places = list(holders(query))
    for i, (container, key) in enumerate(places):
        for alternative in alternatives(container[key]):
            made = copy.deepcopy(query)
            holder, inner = list(holders(made))[i]
            old, new = holder[inner], copy.deepcopy(alternative)
            holder[inner] = new
            for inside in all_queries(made):
                inside["group"] = [copy.deepcopy(new) if g == old else g for g in inside["group"]]
            yield made


class Reducer:
    def __init__(self, pair, tables):
        self.pair = pair
        self.tables = {t.name: t for t in tables}
        self.tests = 0

    def still(self, query, kind):
        """Whether a query shows a difference of the same kind."""
        if self.tests >= MOST_TESTS:
            return False
        self.tests += 1
        text = queries.sql(query)
        granary = self.pair.granary.run(text)
        # The answer of Granary alone often says no, which saves asking ClickHouse.
        if kind == "bug" or granary.bug:
            return granary.bug and kind == "bug"
        if granary.error and kind != f"refused:{granary.code}" or not granary.error and kind.startswith("refused"):
            return False
        clickhouse = self.pair.clickhouse.run(text)
        return comparison.compare(granary, clickhouse, queries.ordered(query), queries.zeros_merge(query)) == kind

    def lone(self, query, kind):
        """The smallest expression of the query that shows it alone, over the same source."""
        if query["union"] or query["with"]:
            return query
        inside = {name: clause for name, clause in query.items() if name != "from"}
        found = [c[k] for c, k in holders(inside) if c[k]["k"] == "call"]
        for node in sorted(found, key=lambda n: len(expressions.render(n, queries.sql)))[:30]:
            made = queries.empty_query()
            made["from"], made["array_join"] = copy.deepcopy(query["from"]), copy.deepcopy(query["array_join"])
            made["select"] = [{"alias": "c0", "e": copy.deepcopy(node)}]
            if self.still(made, kind):
                return made
        return query

    def shrink(self, query, kind):
        smaller = True
        while smaller:
            smaller = False
            for candidate in simpler(query):
                if len(queries.sql(candidate)) < len(queries.sql(query)) and self.still(candidate, kind):
                    query, smaller = candidate, True
                    break
        return query

    def fewer_rows(self, query, kind):
        """The query over smaller copies of its tables, with these."""
        used = []
        for source in list(table_sources(query)):
            text = queries.sql(query)
            table = self.tables.get(source["table"])
            if table is None:
                continue
            columns = {c for c in (c.name for c in table.columns) if re.search(rf"\.{c}\b", text) or "USING" in text and c == "id"} or {"id"}
            name = f"small{len(used)}"
            made = table.smaller(name, columns, table.rows)
            old, source["table"] = source["table"], name
            if not self.rebuild(made) or not self.still(query, kind):
                source["table"] = old
                continue
            made = self.ddmin(query, kind, made)
            self.tables[name] = made
            self.rebuild(made)
            used.append(made)
        return used

    def rebuild(self, table):
        return all(not a.error for s in table.statements() for a in self.pair.run(s))

    def ddmin(self, query, kind, table):
        whole = table.rows
        for few in ([], whole[:1], whole[-1:]):
            table.rows = few
            if self.rebuild(table) and self.still(query, kind):
                return table
        rows, chunk, budget = whole, max(1, len(whole) // 2), 25
        while chunk and budget > 0:
            start = 0
            while start < len(rows) and budget > 0:
                budget -= 1
                fewer = rows[:start] + rows[start + chunk:]
                table.rows = fewer
                self.tests = min(self.tests, MOST_TESTS - 20)
                if self.rebuild(table) and self.still(query, kind):
                    rows = fewer
                else:
                    start += chunk
            chunk //= 2
        table.rows = rows
        return table

    def inlined(self, query, kind):
        """The query with the only row of its only table written into it, where that still shows it."""
        source = query["from"]
        if not source or source["k"] != "table" or source["table"] not in self.tables or len(self.tables[source["table"]].rows) != 1:
            return query
        table = self.tables[source["table"]]
        for pattern in ("CAST({} AS {})", "materialize(CAST({} AS {}))"):
            made = copy.deepcopy(query)
            made["from"] = None
            for holder, key in list(holders(made)):
                leaf = holder[key]
                for place, column in enumerate(table.columns):
                    if leaf.get("column") and leaf["t"] == f"{source['alias']}.{column.name}":
                        value = table.rows[0][place]
                        leaf["t"] = pattern.format(f"'{value}'" if column.category == "Dec" and value != "NULL" else value, column.kind)
                        leaf["column"] = False
            if self.still(made, kind):
                return made
        return query

    def reduce(self, query, kind, seen=()):
        """The finding of a query, or the functions of one already seen that it shows again."""
        original = queries.sql(query)
        whole = query
        query = self.lone(copy.deepcopy(query), kind)
        functions = tuple(sorted(set(expressions.functions_of(query))))
        if query is not whole and (kind, functions) in seen:
            return functions
        query = self.shrink(query, kind)
        self.tests = min(self.tests, MOST_TESTS - 40)
        self.fewer_rows(query, kind)
        self.tests = min(self.tests, MOST_TESTS - 40)
        smaller = self.inlined(query, kind)
        self.tests = min(self.tests, MOST_TESTS - 60)
        query = self.shrink(smaller, kind)
        self.tests = 0
        if not self.still(query, kind):
            query = whole
        text = queries.sql(query)
        granary, clickhouse = self.pair.run(text)
        used = sorted({s["table"] for s in table_sources(query)} & set(self.tables))
        setup = [s for name in used for s in self.tables[name].statements()[1:]]
        functions = sorted(set(expressions.functions_of(query)))
        clauses = sorted({k for q in all_queries(query) for k in queries.OPTIONAL if q[k]} | {s["kind"] + " JOIN" for s in joins(query)})
        return Finding(kind, text, setup, granary.summary(), clickhouse.summary(), functions, clauses, original)


def table_sources(tree, kind="table"):
    """Every source of a kind in a tree."""
    if isinstance(tree, dict):
        if tree.get("k") == kind:
            yield tree
        for value in tree.values():
            yield from table_sources(value, kind)
    elif isinstance(tree, list):
        for value in tree:
            yield from table_sources(value, kind)


def joins(tree):
    return table_sources(tree, "join")
