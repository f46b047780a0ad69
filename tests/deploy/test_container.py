"""The Containerfile: no engine is here to build it, so its words are judged, and what it runs is run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

from tests.deploy import stack, units
from tests.deploy.conftest import Site
from tests.deploy.files import DEPLOY, HOST

FILE = DEPLOY / "container" / "Containerfile"
INSTRUCTIONS = {
    "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD",
}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    """The instructions of the file in order."""
    lines = [line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, _, rest in found]


def of(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


def test_every_instruction_is_one_that_builders_know() -> None:
    assert {word for word, _ in instructions()} == INSTRUCTIONS


def test_what_serves_has_no_compiler_no_index_and_no_root() -> None:
    lines = instructions()
    last = max(index for index, (word, _) in enumerate(lines) if word == "FROM")
    stage = lines[last:]
    assert not [rest for word, rest in stage if word == "RUN" and ("pip" in rest or "apt" in rest)]
    assert [rest for word, rest in stage if word == "USER"] == ["10001:10001"]
    at = {word: index for index, (word, _) in enumerate(stage)}
    assert at["USER"] > max(index for index, (word, _) in enumerate(stage) if word in ("COPY", "RUN"))
    for _, rest in (line for line in stage if line[0] == "COPY"):
        assert rest.startswith("--from=build --chown=0:0 "), (
            "what serves must not be able to change its own code"
        )


def test_only_what_the_lock_knows_is_installed() -> None:
    (install,) = [rest for rest in of("RUN") if "pip install" in rest]
    words = shlex.split(install)
    assert {"--require-hashes", "--only-binary", "-r"} <= set(words)
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--help"], capture_output=True, text=True, check=True
    )
    assert not [word for word in words if word.startswith("--") and word not in asked.stdout]


def test_no_secret_can_be_in_a_layer() -> None:
    text = FILE.read_text()
    assert not of("ARG")
    assert "ADD" not in {word for word, _ in instructions()}
    for value in of("ENV"):
        assert not re.search(r"SECRET|PASSWORD|KEY|TOKEN|STATE_URL", value)
    ignored = (FILE.parent / ".containerignore").read_text().split()
    assert {".git", ".env*", "**/credentials", "**/*.key", "**/*.pem"} <= set(ignored)
    assert "/" not in "".join(rest.split()[0] for word, rest in instructions() if word == "FROM"), (
        "a host's name"
    )
    assert "latest" not in text


def test_it_serves_with_the_same_options_as_the_unit() -> None:
    (line,) = of("CMD")
    words = units.command((DEPLOY / "systemd" / "myproject.service").read_text())
    assert json.loads(line) == ["granian", *words[1:]]


def test_its_health_check_tells_a_process_that_answers_from_one_that_does_not(site: Site) -> None:
    (line,) = of("HEALTHCHECK")
    command = json.loads(line[line.index("CMD ") + 4 :])

    def healthy(port: int) -> bool:
        words = [sys.executable, "-c", command[2].replace("8000", str(port))]
        return (
            subprocess.run(words, env=stack.environment(MYPROJECT_HOST=HOST), capture_output=True).returncode
            == 0
        )

    from tests.servers import free_port

    assert command[:2] == ["python", "-c"]
    assert healthy(site.hosts[0])
    assert not healthy(free_port())
