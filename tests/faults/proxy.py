"""A TCP proxy that does to a server's answers what the driver says: cuts, swallows, delays or refuses them.

Usage: ``python -m tests.faults.proxy LISTEN TARGET PAGE``: two ports of the loopback address, and the driver's page.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests import servers
from tests.faults.controls import CUT, DELAY, REFUSE, SWALLOW, Controls


class Proxy:
    """Args: target: port of the server. page: what the driver says."""

    def __init__(self, target: int, page: Controls) -> None:
        self._target, self._page = target, page

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        if self._page.on_wire()[0] == REFUSE:
            writer.close()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        ways = [
            asyncio.create_task(self._forward(reader, back)),
            asyncio.create_task(self._answer(there, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        back.close()
        writer.close()

    @staticmethod
    async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                what, amount = self._page.on_wire()
                if what == REFUSE:
                    return
                if what == CUT:
                    writer.write(data[:amount])
                    with contextlib.suppress(OSError):
                        await writer.drain()
                    return
                if what == SWALLOW:
                    # A network loses nothing in the middle of a connection: this one is dumb from here to its end.
                    while self._page.on_wire()[0] == SWALLOW:  # noqa: ASYNC110 - another process decides
                        await asyncio.sleep(0.005)
                    return
                if what == DELAY:
                    await asyncio.sleep(amount / 1000)
                writer.write(data)
                await writer.drain()


async def main() -> None:
    listen, target, page = sys.argv[1:]
    proxy = Proxy(int(target), Controls(Path(page)))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", int(listen))
    async with server:
        await server.serve_forever()


@contextlib.contextmanager
def proxy_before(target: int, page: Path) -> Iterator[int]:
    """A running proxy before a port; the port that it listens on."""
    port = servers.free_port()
    command = [sys.executable, "-m", "tests.faults.proxy", str(port), str(target), str(page)]
    path = os.pathsep.join([str(servers.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with servers.serve(command, port, env={**os.environ, "PYTHONPATH": path}):
        yield port


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
