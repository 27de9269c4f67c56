"""Whether two answers agree, and how they differ if not."""

import re
from collections import Counter

RELATIVE = 1e-9
RELATIVE_FLOAT32 = 3e-5  # the order of adding is free
ABSOLUTE = 1e-12
ABSOLUTE_FLOAT32 = 1e-7
NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|nan|inf)")
MEMORY_OR_TIME = {159, 160, 241, 209, 394}


def parse(body):
    """Names, types and rows (lists of cells) of an answer."""
    lines = body.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) < 2:
        return [], [], []
    return lines[0].split(b"\t"), lines[1].split(b"\t"), [line.split(b"\t") for line in lines[2:]]


def close(one, other, float32):
    """Whether two numbers as texts are equal within the tolerance."""
    if one == other:
        return True
    try:
        a, b = float(one), float(other)
    except ValueError:
        return False
    if a == 0 and b == 0:
        return False  # 0 and -0
    absolute, relative = (ABSOLUTE_FLOAT32, RELATIVE_FLOAT32) if float32 else (ABSOLUTE, RELATIVE)
    return abs(a - b) <= max(absolute, relative * max(abs(a), abs(b)))


def same_cell(one, other, kind):
    if one == other:
        return True
    if b"Float" not in kind:
        return False
    if NUMBER.sub(b"#", one) != NUMBER.sub(b"#", other):
        return False
    float32 = b"Float32" in kind
    return all(close(a, b, float32) for a, b in zip(NUMBER.findall(one), NUMBER.findall(other)))


def same_row(one, other, kinds):
    return len(one) == len(other) and all(same_cell(a, b, k) for a, b, k in zip(one, other, kinds))


def rounded(row, kinds):
    """A key for sorting under which nearly equal rows mostly stand at the same place."""
    def short(match):
        try:
            return b"%.4g" % float(match.group())
        except ValueError:
            return match.group()
    return [NUMBER.sub(short, cell) if b"Float" in kind else cell for cell, kind in zip(row, kinds)]


def unsigned(row):
    """A row without the signs of zeros."""
    return [re.sub(rb"(?<![\w.])-0(?![\w.])", b"0", cell) for cell in row]


def floats_close(one, other, kinds):
    """Whether the floats of two rows are nearly equal, 0 and -0 among them: such rows tie in any order."""
    return all(same_cell(a, b, k) for a, b, k in zip(unsigned(one), unsigned(other), kinds) if b"Float" in k)


def without_common(left, right):
    """The rows of each side that the other does not have, each as often."""
    one, other = (Counter(tuple(row) for row in rows) for rows in (left, right))
    return [[list(row) for row in (a - b).elements()] for a, b in ((one, other), (other, one))]


def same_rows(left, right, kinds, in_order):
    if len(left) != len(right):
        return False
    if not in_order:
        left, right = without_common(left, right)
        left, right = (sorted(rows, key=lambda r: rounded(r, kinds)) for rows in (left, right))
    if all(same_row(a, b, kinds) for a, b in zip(left, right)):
        return True
    if in_order:
        # Ties stand in any order: then the same rows must be there, with nearly the same floats at each place.
        return (any(b"Float" in k for k in kinds) and same_rows(left, right, kinds, False)
                and all(floats_close(a, b, kinds) for a, b in zip(left, right)))
    if len(left) > 2000:
        return False
    rest = list(right)
    for row in left:
        place = next((i for i, other in enumerate(rest) if same_row(row, other, kinds)), None)
        if place is None:
            return False
        rest.pop(place)
    return True


def without_zeros(rows, kinds):
    """The rows without those that have a 0 or -0 (or one of several NaN) among their floats."""
    zeros = re.compile(rb"(?<![\w.])(-?0|nan)(?![\w.])")
    return [row for row in rows if not any(b"Float" in k and zeros.search(cell) for cell, k in zip(row, kinds))]


def compare(granary, clickhouse, in_order=False, zeros_merge=False):
    """How two answers differ: None (they agree), or a kind of difference.

    With `zeros_merge` rows with 0, -0 and NaN do not count: where ClickHouse drops repeated rows of sorted ones,
    0 and -0 are the same to it, and differ where it does so by hashes.

    Kinds: "bug" (a panic, a lost server), "refused:CODE" (only Granary refuses), "accepted:CODE" (only
    ClickHouse refuses), "codes:A/B" (both refuse, for different reasons), "types", "rows", "values",
    "low cardinality" (types differ in LowCardinality only), "skipped" (ClickHouse crashed, or one of them ran out of time or memory).
    """
    if granary.bug:
        return "bug"
    if clickhouse.bug or granary.code in MEMORY_OR_TIME or clickhouse.code in MEMORY_OR_TIME:
        return "skipped"
    if granary.error and clickhouse.error:
        return None if granary.code == clickhouse.code else f"codes:{granary.code}/{clickhouse.code}"
    if granary.error:
        return f"refused:{granary.code}"
    if clickhouse.error:
        return f"accepted:{clickhouse.code}"
    if granary.body == clickhouse.body:
        return None
    _, kinds, left = parse(granary.body)
    _, other_kinds, right = parse(clickhouse.body)
    plain = [plain_type(k) for k in kinds]
    if plain != [plain_type(k) for k in other_kinds]:
        return "types"
    if zeros_merge and not same_rows(left, right, kinds, in_order):
        left, right = without_zeros(left, kinds), without_zeros(right, kinds)
        if in_order and zeros_merge == "limited":
            left, right = left[:len(right)], right[:len(left)]
    if len(left) != len(right):
        return "rows"
    if not same_rows(left, right, kinds, in_order):
        return "values"
    return None if kinds == other_kinds else "low cardinality"


def plain_type(kind):
    """A type without LowCardinality, which does not change what values mean."""
    while b"LowCardinality(" in kind:
        before, after = kind.split(b"LowCardinality(", 1)
        depth, end = 1, 0
        while depth:
            depth += {40: 1, 41: -1}.get(after[end], 0)
            end += 1
        kind = before + after[:end - 1] + after[end:]
    return kind
