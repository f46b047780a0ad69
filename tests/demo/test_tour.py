"""Every line that the demo prints behaves as printed, in bash, with nothing but curl and standard tools."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from tests.demo.runs import Run, environment

BOUNDARY = "--- end of a line ---"
STATUS = re.compile(r"# ([0-9][0-9 ]*): ")


@dataclass(frozen=True)
class Step:
    comment: str
    line: str

    @property
    def expected(self) -> str | None:
        match = STATUS.match(self.comment)
        return match[1] if match else None


def steps(printed: str) -> list[Step]:
    """What the terminal shows, read as a person would: the comment above each command speaks of it."""
    found, comment = [], ""
    for line in printed.partition("Paste what follows")[2].splitlines()[1:]:
        if line.startswith("# "):
            comment = line
        elif line:
            found.append(Step(comment, line))
            comment = ""
    return found


def run(walk: list[Step]) -> list[str]:
    """The output of each line, all in one shell: they build on each other."""
    script = "\n".join(f"{step.line}\necho; echo '{BOUNDARY}'" for step in walk)
    path = {"PATH": "/usr/bin:/bin", **{key: value for key, value in environment().items() if key == "HOME"}}
    done = subprocess.run(["bash"], input=script, env=path, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""
    return [part.strip() for part in done.stdout.split(BOUNDARY)][:-1]


def last_line(output: str) -> str:
    return output.splitlines()[-1].strip() if output else ""


def test_every_printed_line_ends_with_what_is_printed_above_it(demo: Run) -> None:
    walk = steps(demo.printed())
    outputs = run(walk)
    assert len(outputs) == len(walk)
    wrong = [
        (step.comment, step.line, output)
        for step, output in zip(walk, outputs, strict=True)
        if step.expected is not None and last_line(output) != step.expected
    ]
    assert wrong == []


def test_the_walk_can_be_made_twice(demo: Run) -> None:
    """Nothing in it locks the walker out, or depends on being the first."""
    walk = steps(demo.printed())
    for output, step in zip(run(walk), walk, strict=True):
        assert step.expected in {None, last_line(output)}, (step.comment, output)


def test_the_walk_shows_refusals_of_every_kind(demo: Run) -> None:
    shown = {word for step in steps(demo.printed()) for word in (step.expected or "").split()}
    assert {"200", "201", "204", "400", "401", "404", "429"} <= shown


def test_a_silent_line_is_one_that_only_prepares(demo: Run) -> None:
    """What talks to the server and shows its answer says beforehand what that will be."""
    for step in steps(demo.printed()):
        assert step.expected or not step.line.startswith(("call ", "post ", "curl ")), step.line
