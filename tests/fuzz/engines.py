"""The two engines: Granary as a server of its own, ClickHouse embedded in a process of its own."""

import base64
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clickhouse_worker.py")
FORMAT = "TabSeparatedWithNamesAndTypes"
CODE = re.compile(rb"Code: (\d+)\. DB::Exception: (.*)", re.S)
QUERY_SECONDS = 20
MARKS_OF_BUGS = ("LOGICAL_ERROR", "panicked", "PANIC")


@dataclass
class Answer:
    """What an engine said: bytes of an answer, or an error with its code; code 0 is a lost engine."""
    body: bytes = b""
    error: str = ""
    code: int = 0
    bug: bool = False

    def summary(self, most=700):
        if self.error:
            return f"error {self.code}: {self.error[:300]}"
        text = self.body.decode("utf-8", "backslashreplace")
        return text if len(text) <= most else text[:most] + "…"


def failure(text):
    found = CODE.search(text)
    message = (found.group(2) if found else text).decode("utf-8", "replace").strip()
    code = int(found.group(1)) if found else 0
    return Answer(error=message or "no message", code=code, bug=any(m in message for m in MARKS_OF_BUGS))


class Granary:
    """A server on a free port of 127.0.0.1 with a data folder of its own; started again when it dies."""

    def __init__(self, binary, folder, settings=""):
        self.binary, self.folder, self.settings = binary, folder, settings
        self.process = self.connection = None
        self.told = 0
        self.start()

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = os.path.join(self.folder, "granary.log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "server", "--listen", f"127.0.0.1:{self.port}", "--data", os.path.join(self.folder, "granary")],
                stdout=log, stderr=log)
        for _ in range(300):
            if self.process.poll() is not None:
                raise SystemExit(f"The server ended at its start; see {self.log}")
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=QUERY_SECONDS)
                self.connection.request("GET", "/ping")
                self.connection.getresponse().read()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("The server does not answer.")

    def panic(self):
        """What the server wrote of a panic since the last question."""
        if os.path.getsize(self.log) == self.told:
            return ""
        with open(self.log, "rb") as log:
            log.seek(self.told)
            text = log.read().decode("utf-8", "replace")
        self.told += len(text.encode())
        at = text.find("panicked")
        return text[max(0, at - 60):at + 400] if at >= 0 else ""

    def run(self, query):
        try:
            path = f"/?default_format={FORMAT}&wait_end_of_query=1&max_execution_time=10{self.settings}"
            self.connection.request("POST", path, query.encode())
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as lost:
            self.connection.close()
            dead = self.process.poll()
            panic = self.panic()
            if dead is not None:
                self.start()
            return Answer(error=f"connection lost ({lost!r}), server {'dead' if dead is not None else 'alive'} {panic}", bug=True)
        answer = failure(body) if response.status != 200 else Answer(body)
        panic = self.panic()
        if panic:
            answer = Answer(error=panic, code=answer.code, bug=True)
        return answer

    def end(self):
        self.process.terminate()
        self.process.wait(20)


class ClickHouse:
    """chdb in a process of its own, which is started again over the same tables when it dies."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "clickhouse")
        self.process = None
        self.crashes = 0
        self.start()

    def start(self):
        environment = dict(os.environ, TZ="UTC")
        self.process = subprocess.Popen([sys.executable, WORKER, self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=environment)

    def run(self, query):
        line = b""
        try:
            self.process.stdin.write(json.dumps(query).encode() + b"\n")
            self.process.stdin.flush()
            if select.select([self.process.stdout], [], [], QUERY_SECONDS * 2)[0]:
                line = self.process.stdout.readline()
        except OSError:
            pass
        if not line:
            self.crashes += 1
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.start()
            return Answer(error="ClickHouse crashed or gave no answer", bug=True)
        said = json.loads(line)
        return failure(base64.b64decode(said["error"])) if "error" in said else Answer(base64.b64decode(said["body"]))

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Pair:
    """Both engines; each query goes to both."""

    def __init__(self, binary, settings=""):
        self.folder = tempfile.mkdtemp(prefix="granary-fuzz-")
        self.granary = Granary(binary, self.folder, settings)
        self.clickhouse = ClickHouse(self.folder)
        self.asked = 0

    def run(self, query):
        self.asked += 1
        return self.granary.run(query), self.clickhouse.run(query)

    def end(self):
        self.granary.end()
        self.clickhouse.end()
        shutil.rmtree(self.folder, ignore_errors=True)
