"""The other company's issuer as a WSGI application, with the key of its own file."""

from __future__ import annotations

from stockade.demo.config import ISSUER_KEY, read
from stockade.demo.issuer.endpoints import Issuer
from stockade.demo.issuer.signing import Signer

_config = read()
_signer = Signer(_config.issuer_url, (_config.folder / ISSUER_KEY).read_text())
application = Issuer(_config.issuer_url, _config.base_url, _config.partners, _signer)
