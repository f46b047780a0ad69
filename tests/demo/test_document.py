"""Schemathesis asks the demo everything that its OpenAPI document says, and what it does not say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stockade.demo.attacks.client import Target
from tests.demo.runs import Run, environment, running

COMMAND = Path(sys.executable).with_name("schemathesis")
CALLERS = ["anonymous", "alice", "bob", "carol", "admin"]
# Without these: what is generated for a header of credentials is no credential (tests/pipeline has those attacks), and
# who calls without one may be over a limit before he is asked for it.
WITHOUT = ["--generation-with-security-parameters", "false", "--exclude-checks", "ignored_auth"]
# Of NUL, which no text has, JSON Schema says nothing; tests/drf/test_intake.py has it.
WITHOUT += ["--generation-allow-x00", "false"]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A demo of its own: what is tried out here ends sessions and writes articles."""
    limits = ("anon", "user", "failed_auth", "login", "login_address")
    options = [word for name in limits for word in ("--limit", f"{name}=1000000/min")]
    with running(tmp_path_factory.mktemp("document"), "--workers", "1", "--quiet", *options) as run:
        yield run


def ask(run: Run, caller: str, *options: str, seconds: int = 600) -> str:
    """The report of a run as a caller; "" where nothing was found."""
    headers = []
    if caller != "anonymous":
        passwords = {name: user["password"] for name, user in run.credentials["users"].items()}
        target = Target("stockade", run.base_url, passwords, 5, 100, lambda header, claims: "").elsewhere()
        headers = ["-H", f"Authorization: Bearer {target.login(caller).access}"]
    done = subprocess.run(
        [
            str(COMMAND), "--config-file", str(Path(__file__).with_name("schemathesis.toml")), "run",
            f"{run.base_url}/api/schema/?format=json", "--no-color", "--continue-on-failure",
            "--generation-database", "none", "--request-timeout", "30", *WITHOUT, *headers, *options,
        ],
        env={**environment(), "PYTHONWARNINGS": "ignore"}, cwd=run.folder, capture_output=True, text=True,
        timeout=seconds,
    )  # fmt: skip
    assert "Operations:" in done.stdout, done.stderr
    return "" if done.returncode == 0 else done.stdout[-6000:]


@pytest.mark.parametrize("caller", CALLERS)
def test_the_demo_does_what_its_document_says(own: Run, caller: str) -> None:
    """No 5xx, no status that is not declared, no answer or refusal that does not fit the document."""
    found = ask(own, caller, "--phases", "coverage,fuzzing", "--max-examples", "3", "--seed", "1")
    assert found == "", found


@pytest.mark.soak
@pytest.mark.parametrize("caller", CALLERS)
def test_the_demo_does_what_its_document_says_for_long(own: Run, caller: str) -> None:
    seconds = int(os.environ.get("SOAK_SECONDS", "60"))
    found = ask(own, caller, "--max-time", str(seconds), "--max-examples", "1000", seconds=seconds * 3 + 300)
    assert found == "", found
