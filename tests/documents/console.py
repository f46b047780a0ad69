"""Runs the console blocks of a page in one bash, and compares what they print with what the page says."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.documents import python
from tests.documents.blocks import ROOT, Block, PageError
from tests.servers import free_port

SECONDS = 180
PORT_SHOWN = "8000"
# What a reader types is run as it stands, but for this: `make` targets other than the demo are only asked for (a test
# that runs the tests would not end), `pip install` is compared with the package's own metadata, the bench is asked
# whether it knows such options, and a demo goes to the background on a free port, where the page's curl lines find it.
PRELUDE = r"""
make() {
    command make --no-print-directory -n -C "$ROOT" "$@" >/dev/null || return
    if [[ ${1:-} == demo ]]; then stockade "$@"; fi
}
python() {
    if [[ "${1:-} ${2:-}" == "-m bench" ]]; then "$PYTHON" -m tests.documents.options bench "${@:3}"; return; fi
    "$PYTHON" "$@"
}
pip() { "$PYTHON" -m tests.documents.pip "$@"; }
stockade() {
    if [[ ${1:-} != demo || " $* " == *" --attack"* || " $* " == *" --help"* ]]; then command stockade "$@"; return; fi
    stop_demo
    env -u DJANGO_SETTINGS_MODULE stockade "$@" --port "$PORT" >demo.log 2>&1 &
    DEMO=$!
    "$PYTHON" -m tests.documents.ready "$PORT" "$DEMO" demo.log || { cat demo.log; return 1; }
    cat demo.log
}
curl() { command curl "${@//127.0.0.1:8000/127.0.0.1:$PORT}"; }
stop_demo() { if [[ -n ${DEMO:-} ]]; then kill "$DEMO" && wait "$DEMO"; DEMO=; fi; } 2>/dev/null
trap stop_demo EXIT
"""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, what the page says it prints (None: nothing is said), and its exit status."""

    block: Block
    line: int
    text: str
    expected: str | None
    status: int

    @property
    def place(self) -> str:
        return f"{self.block.page.name}:{self.line}"


def commands(block: Block) -> Iterator[Command]:
    """The commands of one block.

    Raises:
        PageError: the block does not begin with a command.
    """
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif not found:
            raise PageError(f"{block.page.name}:{number}: a console block begins with a line `$ command`")
        elif line.startswith("> ") and not found[-1][2]:
            found[-1][1].append(line[2:])
        else:
            found[-1][2].append(line)
    for index, (number, text, output) in enumerate(found):
        last = index == len(found) - 1
        shown = "\n".join(output).strip()
        yield Command(block, number, "\n".join(text), shown or None, block.status if last else 0)


def matches(expected: str, printed: str) -> bool:
    """Whether the output is as shown, where `...` stands for any text."""
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def run(blocks: Sequence[Block], folder: Path) -> None:
    """Run the console blocks of a page, in order, in one shell.

    Raises:
        PageError: a command ended or printed otherwise than the page says.
    """
    todo = [command for block in blocks if block.kind == "console" for command in commands(block)]
    if not todo:
        return
    mark = f"--{secrets.token_hex(8)}"
    script = folder / "script.bash"
    lines = [PRELUDE]
    lines += [f"{command.text}\nprintf '\\n{mark} %s\\n' \"$?\"" for command in todo]
    script.write_text("\n".join(lines))
    port = str(free_port())
    status, output = _bash(script, folder, port)
    pieces = re.split(rf"\n{mark} (\d+)\n", output.replace(f"127.0.0.1:{port}", f"127.0.0.1:{PORT_SHOWN}"))
    results = list(zip(pieces[::2], pieces[1::2], strict=False))
    for command, (printed, ended) in zip(todo, results, strict=False):
        if int(ended) != command.status:
            raise PageError(f"{command.place}: `{command.text}` ended with status {ended}:\n{printed}")
        if command.expected is not None and not matches(command.expected, printed.strip()):
            raise PageError(
                f"{command.place}: `{command.text}` printed\n{printed.strip()}\nand not\n{command.expected}"
            )
    if len(results) != len(todo):
        raise PageError(f"{todo[len(results)].place}: the shell ended here ({status}):\n{pieces[-1]}")


def _bash(script: Path, folder: Path, port: str) -> tuple[int, str]:
    project = python.copy_project(folder)
    environment = python.environment(project) | {"ROOT": str(ROOT), "PORT": port, "PYTHON": sys.executable}
    environment["PYTHONPATH"] += os.pathsep + str(ROOT)
    if shutil.which("curl") is None:
        little = folder / "bin" / "curl"
        little.parent.mkdir(exist_ok=True)
        little.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.documents.curl "$@"\n')
        little.chmod(0o755)
        environment["PATH"] = os.pathsep.join([str(little.parent), environment["PATH"]])
    process = subprocess.Popen(
        ["bash", str(script)],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output
