"""The units of deploy/systemd: every assignment is one that systemd knows, and every command one that there is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stockade.cli.root import app
from tests.deploy import stack, units
from tests.deploy.client import AS_NGINX, send
from tests.deploy.conftest import Site
from tests.deploy.files import DEPLOY
from tests.servers import free_port, serve

UNITS = sorted((DEPLOY / "systemd").iterdir())
# systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.resource-control(5), systemd.timer(5). systemd ignores
# what it does not know, with a warning that nobody reads: a fence with a slip of the pen is no fence.
KNOWN = {
    "Unit": {
        "Description", "Documentation", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst",
    },
    "Service": {
        "Type", "User", "Group", "WorkingDirectory", "Environment", "EnvironmentFile", "LoadCredential", "ExecStart",
        "ExecReload", "Restart", "RestartSec", "TimeoutStartSec", "TimeoutStopSec", "KillMode", "OOMPolicy",
        "MemoryMax", "TasksMax", "LimitNOFILE", "LimitCORE", "StateDirectory", "StateDirectoryMode", "LogsDirectory",
        "LogsDirectoryMode", "UMask", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities",
        "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectClock", "ProtectHostname",
        "ProtectControlGroups", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc",
        "MemoryDenyWriteExecute", "LockPersonality", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID",
        "RemoveIPC", "KeyringMode", "SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber",
        "RestrictAddressFamilies", "IPAddressDeny", "IPAddressAllow",
    },
    "Install": {"WantedBy"},
    "Timer": {"OnCalendar", "RandomizedDelaySec", "Persistent"},
}  # fmt: skip
# What makes a break-in into the application one into nothing else. Both services have each of these.
FENCES = {
    "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "AmbientCapabilities": "", "ProtectSystem": "strict",
    "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "ProtectKernelModules": "yes",
    "MemoryDenyWriteExecute": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX", "IPAddressDeny": "any",
    "LimitCORE": "0", "UMask": "0077", "StateDirectoryMode": "0700",
}  # fmt: skip
SERVICES = [path for path in UNITS if path.suffix == ".service"]
SECRETS = {"DJANGO_SECRET_KEY", "STOCKADE_KEY", "DATABASE_PASSWORD", "STATE_URL", "STOCKADE_PROXY_SECRET"}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_assignment_is_one_that_systemd_knows(path: Path) -> None:
    lines = units.read(path.read_text())
    assert lines
    assert [line for line in lines if line.key not in KNOWN.get(line.section, set())] == []


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_that_was_broken_into_is_fenced(path: Path) -> None:
    text = path.read_text()
    for key, value in FENCES.items():
        assert units.values(text, key) == [value], key
    assert units.values(text, "User") == ["myproject"]
    assert units.values(text, "SystemCallFilter") == ["@system-service", "~@privileged @resources"]


def test_what_the_state_needs_is_not_fenced_off() -> None:
    """`ProcSubset=pid` hides the boot id, by which a dead writer's mark is told from a living one's."""
    for path in SERVICES:
        assert units.values(path.read_text(), "ProcSubset") == []


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_no_secret_is_in_a_units_environment(path: Path) -> None:
    """An environment is inherited by every child, and shown by `systemctl show` to everybody."""
    text = path.read_text()
    loaded = {value.partition(":")[0] for value in units.values(text, "LoadCredential")}
    assert loaded == SECRETS
    assert not [value for value in units.values(text, "Environment") if any(s in value for s in SECRETS)]


def test_every_secret_that_the_settings_ask_for_is_loaded() -> None:
    asked = set(re.findall(r'secret\("(\w+)"', (DEPLOY / "django" / "production.py").read_text()))
    assert asked == SECRETS


def test_every_option_of_granian_is_one_that_granian_has() -> None:
    told = subprocess.run(
        [str(Path(sys.executable).parent / "granian"), "--help"], capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    known = set(re.findall(r"--[a-z][a-z0-9-]*", told))
    words = units.command((DEPLOY / "systemd" / "myproject.service").read_text())
    used = {word for word in words if word.startswith("--")}
    assert used <= known
    assert {"--respawn-failed-workers", "--workers-kill-timeout", "--blocking-threads"} <= used


def test_every_maintenance_command_is_one_that_stockade_has() -> None:
    text = (DEPLOY / "systemd" / "myproject-maintenance.service").read_text()
    commands = [shlex.split(line) for line in units.values(text, "ExecStart")]
    assert len(commands) == 6
    for program, *words in commands:
        assert program == "/srv/myproject/venv/bin/stockade"
        path = [word for word in words if not word.startswith("-")]
        told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
        assert told.exit_code == 0, told.output
        for option in set(words) - set(path):
            assert option in told.output


def test_systemd_itself_finds_nothing_wrong(tmp_path: Path) -> None:
    """Where systemd is installed it is asked as well; elsewhere the tests above hold alone."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return
    for path in UNITS:
        text = path.read_text()
        for old in ("/srv/myproject/venv/bin/granian", "/srv/myproject/venv/bin/stockade"):
            text = text.replace(old, sys.executable)  # it looks whether the program is there
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        [program, "verify", *(str(tmp_path / path.name) for path in UNITS)], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line], done.stderr
    exposure = subprocess.run(
        [program, "security", "--offline=true", "--threshold=20", *(str(tmp_path / path.name) for path in SERVICES)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert exposure.returncode == 0, exposure.stdout + exposure.stderr


# prctl(2): PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN; from Linux 6.3 on what MemoryDenyWriteExecute asks of the kernel.
WITHOUT_JIT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_the_application_serves_without_memory_that_is_writable_and_executable(site: Site) -> None:
    port = free_port()
    command = [sys.executable, "-c", WITHOUT_JIT, *stack.granian_command(port, workers=1)]
    with serve(command, port, env=site.env, seconds=60):
        assert send(port, "/readyz").status == 200
        body = json.dumps({"username": "alice", "password": site.password}).encode()
        lines = ("Content-Type: application/json", *AS_NGINX)
        answer = send(port, "/api/token/", method="POST", lines=lines, body=body)
        assert answer.status == 200, "argon2, the keys' cryptography and the drivers do without"
