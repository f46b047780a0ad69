"""A little curl for machines without one: as much of it as our own documents and the demo's printed lines use."""

from __future__ import annotations

import argparse
import http.client
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("-X", "--request")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", "--data", "--data-raw", action="append", default=[])
    parser.add_argument("--json", action="append", default=[])
    parser.add_argument("-u", "--user")
    parser.add_argument("-o", "--output")
    parser.add_argument("-w", "--write-out", default="")
    parser.add_argument("-i", "--include", action="store_true")
    parser.add_argument("-I", "--head", action="store_true")
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-S", "--show-error", action="store_true")
    parser.add_argument("-f", "--fail", action="store_true")
    options = parser.parse_args(arguments)

    headers = {"User-Agent": "curl", "Accept": "*/*"}
    body = "&".join(options.data) + "".join(options.json)
    if options.data:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if options.json:
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}
    if options.user:
        headers["Authorization"] = "Basic " + b64encode(options.user.encode()).decode()
    for line in options.header:
        name, _, value = line.partition(":")
        headers = {known: v for known, v in headers.items() if known.lower() != name.lower()}
        headers[name] = value.strip()
    url = urlsplit(options.url)
    method = options.request or ("HEAD" if options.head else "POST" if body else "GET")
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=60)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request(method, target, body.encode() or None, headers)
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        print(f"curl: (7) {error}", file=sys.stderr)
        return 7
    finally:
        connection.close()
    out = b""
    if options.include or options.head:
        fields = "".join(f"{name}: {value}\r\n" for name, value in answer.getheaders())
        out = f"HTTP/1.1 {answer.status} {answer.reason}\r\n{fields}\r\n".encode()
    if options.fail and answer.status >= 400:
        return 22
    if options.output:
        Path(options.output).write_bytes(out + content)
    else:
        sys.stdout.buffer.write(out + content)
    written = options.write_out.replace("%{http_code}", str(answer.status)).replace("\\n", "\n")
    sys.stdout.buffer.write(written.encode())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
