"""A webhook's secret rotated while messages come: none is refused, and the old one opens nothing afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stockade import vault, webhooks
from stockade.core.errors import InvalidSignature
from stockade.vault.rotation import InFiles, Step, advance
from stockade.vault.strong import make


def test_messages_signed_by_either_secret_are_taken_until_the_old_one_is_retired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configure: Callable[..., None]
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("STOCKADE_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("STOCKADE_SECRETS_ORDER", raising=False)
    vault.use()
    path = tmp_path / "HOOK_SECRET"
    path.write_text(make())
    path.chmod(0o400)
    live = vault.Live("HOOK_SECRET")
    configure(WEBHOOKS={"github": {"SECRETS": live}})
    (old,) = live()
    refused: list[BaseException] = []
    counts = [0, 0]
    stop = threading.Event()

    def sender(number: int, signs_with: Callable[[], Any]) -> None:
        while not stop.is_set():
            body = f'{{"number": {counts[number]}}}'.encode()
            try:
                webhooks.verify("github", body, webhooks.sign("github", body, secrets=signs_with()))
            except Exception as error:  # noqa: BLE001 - whatever it is, a message was refused
                refused.append(error)
                return
            counts[number] += 1

    # One vendor still signs with what it was given at first, one with whatever is current.
    threads = [
        threading.Thread(target=sender, args=(0, lambda: [old]), daemon=True),
        threading.Thread(target=sender, args=(1, lambda: [live()[0]]), daemon=True),
    ]
    for thread in threads:
        thread.start()
    store = InFiles("HOOK_SECRET", vault.Files([tmp_path]))
    for expected in (Step.PUBLISHED, Step.SIGNING):
        before = list(counts)
        assert advance(store, make(), wait=0, overlap=0) is expected
        while any(now < then + 50 for now, then in zip(counts, before, strict=True)) and not refused:
            threads[0].join(0.01)  # until each has sent fifty more
    stop.set()
    for thread in threads:
        thread.join(30)
    assert refused == []
    assert advance(store, make(), wait=0, overlap=0) is Step.RETIRED
    with pytest.raises(InvalidSignature):
        webhooks.verify("github", b"{}", webhooks.sign("github", b"{}", secrets=[old]))
    webhooks.verify("github", b"{}", webhooks.sign("github", b"{}", secrets=[live()[0]]))
