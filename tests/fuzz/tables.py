"""Tables of random columns and rows, made in both engines alike."""

from dataclasses import dataclass, field

import values


@dataclass
class Column:
    name: str
    kind: str
    category: str


@dataclass
class Table:
    name: str
    columns: list
    rows: list = field(default_factory=list)
    order: str = "id"
    parts: int = 3
    settings: str = ""

    def statements(self):
        """What makes the table with its rows, each of its parts in an insert of its own."""
        columns = ", ".join(f"{c.name} {c.kind}" for c in self.columns)
        made = [f"DROP TABLE IF EXISTS {self.name}",
                f"CREATE TABLE {self.name} ({columns}) ENGINE = MergeTree ORDER BY {self.order}{self.settings}"]
        size = max(1, -(-len(self.rows) // self.parts))
        for start in range(0, len(self.rows), size):
            rows = ", ".join("(" + ", ".join(row) + ")" for row in self.rows[start:start + size])
            made.append(f"INSERT INTO {self.name} VALUES {rows}")
        return made

    def smaller(self, name, columns, rows):
        """The same table with some columns and rows, in one part."""
        places = [i for i, c in enumerate(self.columns) if c.name in columns]
        kept = [self.columns[i] for i in places]
        names = {c.name for c in kept}
        order = self.order if all(w.strip() in names for w in self.order.strip("()").split(",")) else "tuple()"
        return Table(name, kept, [[row[i] for i in places] for row in rows], order, 1, self.settings)


COLLECTIONS = ["[SInt]", "[Str]", "[Int64]", "[MildFloat]", "[Date]", "[Float]", "{Str:Str}", "{Str:SInt}", "{Str:Int64}", "Tup"]
ALWAYS = ["SInt", "SInt", "Str", "Str", "Bool", "Float", "MildFloat", "Dec", "Date", "DT"]


def random_table(rng, name):
    categories = ALWAYS + rng.sample(values.SCALAR_CATEGORIES, 10) + rng.sample(COLLECTIONS, 5)
    columns, makers = [Column("id", "UInt32", "UInt32")], []
    for place, category in enumerate(categories):
        kind, make = values.column(rng, category)
        label = "".join(c for c in category if c.isalnum()).lower()
        columns.append(Column(f"{label}_{place}", kind, category))
        makers.append(make)
    count = rng.choice((0, 1, 12, 40, 40, 100, 300))
    rows = [[str(n)] + [make() for make in makers] for n in range(count)]
    rng.shuffle(rows)
    keys = [c for c in columns[1:] if c.category in ("SInt", "Str", "Date", "DT", "Dec", "UUID", "Bool", "Enum") and "Nullable" not in c.kind]
    order = rng.choice(["id", "tuple()"] + [f"({k.name}, id)" for k in rng.sample(keys, min(2, len(keys)))] + [k.name for k in keys[:2]])
    return Table(name, columns, rows, order, rng.choice((1, 3, 5)), rng.choice(("", "", " SETTINGS index_granularity = 16")))


def make(pair, table):
    """Makes a table in both engines; tells what differs in how they took it."""
    for statement in table.statements():
        granary, clickhouse = pair.run(statement)
        if bool(granary.error) != bool(clickhouse.error):
            return statement, granary, clickhouse
    return None
