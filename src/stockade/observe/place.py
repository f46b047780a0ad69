"""Where the counts of a project lie: in a directory of their own beside the state."""

from __future__ import annotations

from pathlib import Path

from stockade.conf import load
from stockade.core.errors import ConfigurationError
from stockade.gate import places
from stockade.gate.conf import GateSettings
from stockade.gate.registry import project_name


def directory() -> Path:
    """``report`` in the directory of an lmdb state, also where the project has another state or none yet.

    Raises:
        ConfigurationError: there is no place for it.
    """
    try:
        url = load(GateSettings).state
    except ConfigurationError:  # said elsewhere
        url = ""
    path = url.partition("lmdb://")[2]
    return (Path(path) if path else places.default_directory(project_name())) / "report"
