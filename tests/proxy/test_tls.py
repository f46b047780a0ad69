"""sslyze finds what the proxies serve compliant with Mozilla's profiles, but for the private authority of the tests.

sslyze is a program of its own, in an environment of its own: its licence is the AGPL, and nothing here imports it. It
knows version 5.7 of the guideline, which allows more than 6.0.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.proxy import stand
from tests.proxy.conftest import Site
from tests.proxy.stand import HOST, PROGRAMS, Files, Front
from tests.servers import ROOT

SSLYZE = ROOT / ".venv" / "scan" / "bin" / "sslyze"


@pytest.fixture(scope="module")
def start(folder: Path, tls: Path, site: Site) -> Iterator[Callable[[str, str], Front]]:
    with ExitStack() as running:

        def begin(program: str, profile: str) -> Front:
            files = Files(folder / f"{program}-{profile}", tls)
            return running.enter_context(stand.front(program, files, site.upstream, "--tls", profile))

        yield begin


def scan(front: Front, profile: str) -> str:
    assert SSLYZE.exists(), "sslyze is not installed: run `make setup`"
    target = f"{HOST}:{front.tls}{{127.0.0.1}}"
    done = subprocess.run(
        [str(SSLYZE), "--mozilla_config", profile, target], capture_output=True, text=True, timeout=120
    )
    return done.stdout


def complaints(text: str) -> set[str]:
    """What is not as the profile has it, by name."""
    _, found, verdict = text.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    assert found, text
    return set(re.findall(r"^ +\* (\w+):", verdict, re.MULTILINE))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("profile", ["intermediate", "modern"])
def test_a_scan_finds_the_profile_but_for_the_private_authority(
    profile: str, program: str, start: Callable[[str, str], Front]
) -> None:
    text = scan(start(program, profile), profile)
    assert complaints(text) == {"certificate_path_validation"}, text


def test_the_scan_would_notice_what_modern_does_not_allow(fronts: dict[str, Front]) -> None:
    assert "tls_versions" in complaints(scan(fronts["nginx"], "modern"))
