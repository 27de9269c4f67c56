"""Answers queries with ClickHouse: one JSON string a line in, one JSON object a line out."""

import base64
import json
import os
import sys

from chdb import session

SETTINGS = ["allow_suspicious_low_cardinality_types = 1", "session_timezone = 'UTC'", "max_execution_time = 10", "max_threads = 2",
            "use_top_k_dynamic_filtering = 0"]  # loses rows with NaN under DESC NULLS FIRST LIMIT


def answers(folder):
    # The library itself may write to the standard output: answers go to a copy of it.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    engine = session.Session(folder)
    engine.query("CREATE DATABASE IF NOT EXISTS fuzz ENGINE = Atomic")
    engine.query("USE fuzz")
    for setting in SETTINGS:
        engine.query(f"SET {setting}")
    for line in sys.stdin:
        try:
            body = engine.query(json.loads(line), "TabSeparatedWithNamesAndTypes").bytes()
            said = {"body": base64.b64encode(bytes(body)).decode()}
        except Exception as error:  # whatever the library raises is the answer
            # A message that is no UTF-8 comes as the error of its decoding, which holds the bytes.
            text = error.object if isinstance(error, UnicodeDecodeError) else str(error).encode("utf-8", "replace")
            said = {"error": base64.b64encode(text).decode()}
            # What a failed query had written already would stand before the next answer.
            engine.query("SELECT 1", "TabSeparatedWithNamesAndTypes")
        out.write(json.dumps(said).encode() + b"\n")
        out.flush()


answers(sys.argv[1])
