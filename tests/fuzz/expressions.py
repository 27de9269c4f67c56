"""Expressions of wanted categories, made at random from the signatures.

An expression is a dictionary: k is "leaf" (t: its text), "call" (f: function or template, a: its
arguments), "lambda" (p: parameters, a: the body) or "sub" (q: a query); c is its category.
"""

import random
import re

import signatures
import values

SCALARS = signatures.all_scalars()
AGGREGATES = signatures.all_aggregates()
GROUPS = sorted({entry[3] for entry in SCALARS})


def unify(pattern, wanted):
    """Bindings of T and V with which a result `pattern` is `wanted`, or None."""
    if pattern in ("T", "V"):
        known = wanted in values.COLUMNS or wanted in ("Int", "Num", "When")
        return {pattern: wanted} if known else None
    if pattern.startswith("[") and wanted.startswith("["):
        return unify(pattern[1:-1], wanted[1:-1])
    if pattern.startswith("{") and wanted.startswith("{"):
        return unify(pattern[5:-1], wanted[5:-1])
    return {} if pattern in values.fits(wanted) else None


class Expressions:
    """Makes expressions over the columns of a scope: a list of (text, category)."""

    def __init__(self, rng, banned=()):
        self.rng = rng
        self.banned = banned
        self.candidates = {}
        self.keys = []
        self.subquery = None

    def bind(self, pattern, bound):
        """The category of a pattern once its letters stand for categories."""
        if pattern in ("T", "V"):
            if pattern not in bound:
                bound[pattern] = self.rng.choice(values.CHOICES)
            return bound[pattern]
        if pattern.startswith("["):
            return f"[{self.bind(pattern[1:-1], bound)}]"
        if pattern.startswith("{"):
            return f"{{Str:{self.bind(pattern[5:-1], bound)}}}"
        return pattern

    def leaf(self, category, scope, constant=False):
        rng = self.rng
        if not constant and rng.random() < 0.85:
            wanted = values.fits(category)
            found = [c for c in scope if category == "Any" or c[1] in wanted]
            if found:
                text, kind = rng.choice(found)
                return {"k": "leaf", "t": text, "c": kind, "column": True}
        return {"k": "leaf", "t": values.literal(rng, category), "c": category}

    def functions_for(self, category):
        if category not in self.candidates:
            found = []
            for entry in SCALARS:
                bound = {} if category == "Any" else unify(entry[2], category)
                if bound is not None:
                    found.append((entry, bound))
            self.candidates[category] = found
        return [f for f in self.candidates[category] if f[0][0] not in self.banned]

    def make(self, category, depth, scope):
        """An expression of a category, at most `depth` calls deep."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.12:
            return self.leaf(category, scope)
        if self.subquery and rng.random() < 0.02:
            made = self.subquery(category, scope)
            if made:
                return made
        found = self.functions_for(category)
        if not found:
            return self.leaf(category, scope)
        group = rng.choice(sorted({f[0][3] for f in found}))
        entry, bound = rng.choice([f for f in found if f[0][3] == group])
        return self.call(entry, dict(bound), depth, scope)

    def any_call(self, depth, scope):
        """A call of any function: every group as often, so that all have their turn."""
        group = self.rng.choice(GROUPS)
        entries = [e for e in SCALARS if e[3] == group and e[0] not in self.banned]
        return self.call(self.rng.choice(entries or SCALARS), {}, depth, scope)

    def call(self, entry, bound, depth, scope):
        name, patterns, result, _ = entry
        made = []
        for pattern in patterns:
            made += self.argument(pattern, bound, depth - 1, scope)
        return {"k": "call", "f": name, "a": made, "c": self.bind(result, bound)}

    def argument(self, pattern, bound, depth, scope):
        rng = self.rng
        if pattern.endswith("..."):
            return [self.argument(pattern[:-3], bound, depth, scope)[0] for _ in range(rng.choice((1, 1, 2)))]
        if pattern.endswith("?"):
            return self.argument(pattern[:-1], bound, depth, scope) if rng.random() < 0.5 else []
        if pattern in values.CONSTANTS:
            return [{"k": "leaf", "t": rng.choice(values.CONSTANTS[pattern]), "c": "constant"}]
        if pattern[0] in "'-0123456789":
            return [{"k": "leaf", "t": pattern, "c": "constant"}]
        if ">" in pattern:
            return [self.function_argument(pattern, bound, depth, scope)]
        if pattern.startswith("lit:"):
            return [self.leaf(self.bind(pattern[4:], bound), scope, constant=True)]
        if pattern.startswith("key:"):
            text, kind = rng.choice(self.keys) if self.keys else ("1", "SInt")
            bound[pattern[4:]] = kind
            return [{"k": "leaf", "t": text, "c": kind, "column": bool(self.keys)}]
        if pattern == "id":
            found = [c for c in scope if c[0].endswith(".id")]
            return [{"k": "leaf", "t": found[0][0] if found else "1", "c": "UInt32", "column": bool(found)}]
        category = self.bind(pattern, bound)
        return [self.make(category, depth, scope)]

    def function_argument(self, pattern, bound, depth, scope):
        parameters, result = pattern.split(">")
        names = [p.split(":") for p in parameters.split(",")]
        inside = [(f"{name}_", self.bind(kind, bound)) for name, kind in names] * 3
        body = self.make(self.bind(result, bound), depth, inside + scope)
        return {"k": "lambda", "p": ", ".join(f"{name}_" for name, _ in names), "a": [body], "c": "lambda"}

    def aggregate(self, depth, scope, keys):
        """A call of an aggregate function, sometimes with combinators."""
        rng = self.rng
        self.keys = keys
        several = len([c for c in scope if c[0].endswith(".id")]) != 1
        entries = [e for e in AGGREGATES if e[0] not in self.banned and not (several and "id" in e[1])]
        entry = rng.choice(entries)
        call = self.call(entry, {}, depth, scope)
        if "$" in entry[0] or rng.random() > 0.3 or "id" in entry[1] or "key:T" in entry[1]:
            return call
        combinator = rng.choice([c for c in signatures.COMBINATORS if c not in self.banned] or ["If"])
        name, _, parameters = entry[0].partition("(")
        call["f"] = name + combinator + ("(" + parameters if parameters else "")
        if "Array" in combinator or combinator == "ForEach":
            call["a"] = [{"k": "call", "f": "[$1, $2]", "a": [a, a], "c": f"[{a['c']}]"} if rng.random() < 0.3
                         else self.make(f"[{a['c']}]", 0, scope) for a in call["a"]]
            call["c"] = f"[{call['c']}]" if combinator == "ForEach" else call["c"]
        if "If" in combinator:
            call["a"].append(self.make("Bool", depth, scope))
        return call


PLACE = re.compile(r"\$(\d)")


def render(node, query_text):
    """The SQL of an expression; `query_text` renders queries inside."""
    if node["k"] == "leaf":
        return node["t"]
    if node["k"] == "sub":
        return "(" + query_text(node["q"]) + ")"
    arguments = [render(a, query_text) for a in node["a"]]
    if node["k"] == "lambda":
        names = node["p"]
        return f"({names}) -> {arguments[0]}" if "," in names else f"{names} -> {arguments[0]}"
    if "$" in node["f"]:
        return PLACE.sub(lambda m: arguments[int(m.group(1)) - 1], node["f"])
    return f"{node['f']}({', '.join(arguments)})"


def functions_of(node):
    """Names of all functions in any tree of expressions and queries."""
    if isinstance(node, dict):
        if node.get("k") == "call":
            yield node["f"]
        for value in node.values():
            yield from functions_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from functions_of(value)


def generator(seed):
    return random.Random(seed)
