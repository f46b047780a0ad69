"""The judge of the documents is judged: it runs what it reads, and says page and line when something is not so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import console, curl, python
from tests.documents.blocks import Block, PageError, read
from tests.documents.test_pages import check_page

FENCE = "```"


def page(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text.replace("'''", FENCE))
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("'''\nx\n'''\n", "page.md:1: unknown kind of block ''"),
        ("text\n\n'''ruby\nx\n'''\n", "page.md:3: unknown kind of block 'ruby'"),
        ("text\n\n    x = 1\n", "page.md:3: indented code"),
        ("'''json\n{\n'''\n", "page.md:2: not JSON"),
        ("'''toml\nx\n'''\n", "page.md:2: not TOML"),
        ("'''console\nls\n'''\n", "page.md:2: a console block begins with"),
        ("'''console\n$ false\n'''\n", "page.md:2: `false` ended with status 1"),
        ("'''console\n$ true\n$ echo two\none\n'''\n", "page.md:3: `echo two` printed\ntwo\nand not\none"),
        ("'''console\n$ exit 3\n$ true\n'''\n", "page.md:2: the shell ended here"),
        ("'''console\n$ pip install django-stockade[nonsense]\n'''\n", "has no extra nonsense"),
        ("'''console\n$ make nonsense\n'''\n", "page.md:2: `make nonsense` ended with status 2"),
    ],
)
def test_a_page_that_is_wrong_is_refused_with_its_line(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(PageError) as refused:
        check_page(page(tmp_path, text), tmp_path)
    assert complaint in str(refused.value)


def test_what_a_console_block_shows_is_compared_and_state_lasts_over_blocks(tmp_path: Path) -> None:
    text = """
'''console
$ NAME=world
$ echo hello \\
> $NAME
hello world
'''

'''console status=1
$ echo "hello $NAME, it is $(date)"; false
hello world, it is ...
'''

'''console
$ pip install "django-stockade[postgres]"
$ make test
'''
"""
    check_page(page(tmp_path, text), tmp_path)


def test_blocks_inside_directives_and_hidden_ones_are_read(tmp_path: Path) -> None:
    text = "<!-- run\nx = 1\n-->\n\n````{note}\nsee\n\n'''python\nassert x == 1\n'''\n````\n"
    assert [(b.kind, b.text, b.line) for b in read(page(tmp_path, text))] == [
        ("python", "x = 1\n", 2),
        ("python", "assert x == 1\n", 9),
    ]


def test_python_is_grouped_by_the_settings_that_stand_before_it() -> None:
    def block(kind: str, text: str) -> Block:
        return Block(Path("page.md"), kind, text, 1)

    blocks = [block("python", "a"), block("python settings", "S"), block("json", "{}"), block("python", "b")]
    found = [(g.settings and g.settings.text, [b.text for b in g.blocks]) for g in python.groups(blocks)]
    assert found == [(None, ["a"]), ("S", ["b"])]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [("a...c", "a\nb\nc", True), ("a", "ab", False), ("...", "", True), ("(a)", "(a)", True)],
)
def test_dots_stand_for_any_text(expected: str, printed: str, same: bool) -> None:
    assert console.matches(expected, printed) is same


def test_the_little_curl_says_what_it_sends_and_gets(tmp_path: Path) -> None:
    import http.server
    import threading

    class Echo(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.end_headers()
            self.wfile.write(b"|".join([self.path.encode(), self.headers["X-A"].encode(), body]))

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        out = tmp_path / "out"
        url = f"http://127.0.0.1:{server.server_port}/p?q=1"
        assert curl.main(["-s", "-X", "PUT", "-H", "X-A: b", "-d", "x=1", "-i", "-o", str(out), url]) == 0
        thread.join(30)
    text = out.read_text()
    assert text.startswith("HTTP/1.1 201 Created")
    assert text.endswith("/p?q=1|b|x=1")
