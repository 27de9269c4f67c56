"""Findings written as one page, grouped by cause, most frequent first; and the accepted differences."""

import json
import os
import re
from collections import defaultdict

KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.txt")


def known_differences():
    with open(KNOWN, encoding="utf-8") as lines:
        found = [line.rstrip("\n").split("\t") for line in lines if line.strip() and not line.startswith("#")]
    return [(re.compile(pattern, re.DOTALL), reason, re.compile("".join(tables))) for pattern, reason, *tables in found]


def accepted(finding, known):
    text = f"{finding.kind} | {' '.join(finding.functions)} | {finding.query} | {finding.granary} | {finding.clickhouse}"
    setup = "; ".join(finding.setup)
    fits = (reason for pattern, reason, tables in known if pattern.search(text) and tables.search(setup))
    return next(fits, None)


# Kinds of findings in which a user gets an answer that is not ClickHouse's, or none because of a bug.
WRONG_ANSWERS = ("bug", "values", "rows")

RANK = {"bug": 0, "values": 1, "rows": 1, "types": 2, "refused": 3, "accepted": 4}


def rank(cause):
    return RANK.get(cause.split(":")[0].split(" ")[0], 5)


def page(findings, summary, codes):
    """The page's text: findings by cause, then where only the codes of errors differ."""
    groups = defaultdict(list)
    for finding in findings:
        groups[finding.cause()].append(finding)
    order = sorted(groups.items(), key=lambda item: (rank(item[0]), -sum(f.count for f in item[1]), item[0]))
    lines = ["# Findings", "", summary, ""]
    for cause, members in order:
        lines.append(f"## {cause} ({sum(f.count for f in members)})\n")
        for finding in sorted(members, key=lambda f: len(f.query) + sum(map(len, f.setup)))[:3]:
            lines += ["```sql", *[s + ";" for s in finding.setup], finding.query + ";", "```", "Granary:", "```text", finding.granary.rstrip(),
                      "```", "ClickHouse:", "```text", finding.clickhouse.rstrip(), "```", ""]
    if codes:
        lines += ["## Both refuse, with different codes", ""]
        for key, (count, query) in sorted(codes.items(), key=lambda item: -item[1][0]):
            lines.append(f"- {key} ({count}): `{query}`")
    return "\n".join(lines) + "\n"


def write(path, findings, summary, codes, repeated):
    with open(path, "w", encoding="utf-8") as out:
        out.write(page(findings, summary, codes))
    with open(path + ".json", "w", encoding="utf-8") as out:
        json.dump({"summary": summary, "findings": [vars(f) for f in findings], "codes": codes, "repeated": repeated}, out, indent=1)
