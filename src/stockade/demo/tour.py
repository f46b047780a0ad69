"""What to try, as lines for a shell (`tour.sh`): each says beforehand what it will show, refusals included."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from stockade.demo.config import FOLDER, Config


def lines(config: Config) -> str:
    """The walk, filled in for this run; it can be made again and again.

    A comment `# 401: ...` says what the output of the line below it ends with.
    """
    text = Path(__file__).with_name("tour.sh").read_text()
    command = shlex.quote(str(Path(sys.executable).with_name("stockade")))
    folder = shlex.quote(str(config.folder))
    filled = {
        "@URL@": config.base_url,
        "@ISSUER@": config.issuer_url,
        "@PORTAL@": config.partners["portal"],
        "@REPORTS@": config.partners["reports"],
        "@ALICE@": config.passwords["alice"],
        "@BOB@": config.passwords["bob"],
        "@STOCKADE@": f"{FOLDER}={folder} {command} --settings stockade.demo.project.settings",
    }
    for mark, value in filled.items():
        text = text.replace(mark, value)
    return text
