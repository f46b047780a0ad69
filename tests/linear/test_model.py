"""The specification of a session, by histories whose verdict anybody can see: each names what it allows or forbids."""

from __future__ import annotations

import pytest

from tests.linear.checker import check
from tests.linear.history import FOREVER, Operation, until
from tests.linear.model import DONE, GONE, NEEDED, REFUSED, START, Call, Kind, Specification, Token, reads
from tests.servers import ROOT

LEEWAY = 100
SPECIFICATION = Specification(LEEWAY, slack=0)
A, B, C, D = (Token(name, "k1") for name in "ABCD")
B2, C2 = Token("B2", "k2"), Token("C2", "k2")
History = list[Operation[Call]]


def op(kind: Kind, about: Token | str | None, answer: object, began: int, ended: int = -1) -> Operation[Call]:
    """A call; without an end it takes no time, without an answer nobody knows whether it happened."""
    last = FOREVER if answer is None else began if ended < 0 else ended
    return Operation(Call(kind, about), answer, began, last)  # type: ignore[arg-type]


def login(at: int = 0) -> Operation[Call]:
    return op(Kind.LOGIN, None, A, at)


def refresh(shown: Token, answer: object, began: int, ended: int = -1) -> Operation[Call]:
    return op(Kind.REFRESH, shown, answer, began, ended)


def admitted(at: int, token: Token = A) -> Operation[Call]:
    return op(Kind.ACCESS, token, DONE, at)


def turned_away(at: int, token: Token = A) -> Operation[Call]:
    return op(Kind.ACCESS, token, REFUSED, at)


def linearizable(history: History) -> bool:
    return check(history, START, SPECIFICATION.step, reads).linearizable


ALLOWED: dict[str, History] = {
    "one after the other": [login(), refresh(A, B, 1), refresh(B, C, 2), admitted(3)],
    "two at once get one successor": [login(), refresh(A, B, 1, 9), refresh(A, B, 2, 8)],
    "within the leeway again": [login(), refresh(A, B, 1), refresh(A, B, 100)],
    "after the leeway it is theft": [login(), refresh(A, B, 1), refresh(A, REFUSED, 101), turned_away(102)],
    "at its edge either is right: forgiven": [login(), refresh(A, B, 1, 5), refresh(A, B, 95, 110), admitted(111)],
    "at its edge either is right: theft": [
        login(), refresh(A, B, 1, 5), refresh(A, REFUSED, 95, 110), turned_away(111)
    ],
    "theft once the successor was used": [
        login(), refresh(A, B, 1), refresh(B, C, 2), refresh(A, REFUSED, 3), refresh(C, REFUSED, 4)
    ],
    "theft and an access at once": [
        login(), refresh(A, B, 1), refresh(B, C, 2), refresh(A, REFUSED, 3, 9), admitted(4), turned_away(8)
    ],
    "a lost answer that did not happen": [login(), refresh(A, None, 1), refresh(A, B, 5), refresh(B, C, 6)],
    "a lost answer that happened: the same successor": [
        login(), refresh(A, None, 1), refresh(A, B, 5), refresh(A, B, 6), refresh(B, C, 7)
    ],
    "a lost answer, and a leeway that began with it": [login(), refresh(A, None, 1), refresh(A, REFUSED, 150)],
    "a lost revocation that happened later": [
        login(), op(Kind.REVOKE, A, None, 1), admitted(5), turned_away(9), turned_away(10)
    ],
    "revoked twice": [login(), op(Kind.REVOKE, A, DONE, 1), op(Kind.REVOKE, A, DONE, 2), turned_away(3)],
    "revoked by a token that is old": [
        login(), refresh(A, B, 1), refresh(B, C, 2), op(Kind.REVOKE, A, DONE, 3), refresh(C, REFUSED, 4)
    ],
    "ended by its owner, then gone": [
        login(), op(Kind.END, None, DONE, 1), op(Kind.END, None, GONE, 2), op(Kind.LISTED, None, False, 3)
    ],
    "ended with the others, twice": [
        login(), op(Kind.OTHERS, None, DONE, 1), op(Kind.OTHERS, None, DONE, 2), turned_away(3)
    ],
    "the others' end before the login": [op(Kind.OTHERS, None, DONE, 1, 9), op(Kind.LOGIN, None, A, 2), admitted(10)],
    "checks": [
        login(), op(Kind.CHECK, A, DONE, 1), refresh(A, B, 2), op(Kind.CHECK, A, DONE, 3),
        op(Kind.CHECK, A, REFUSED, 102), op(Kind.CHECK, B, DONE, 103),
    ],
    "another key": [login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B2, 2), refresh(B2, C2, 3)],
    "rotated between: the successor that there is": [
        login(), refresh(A, B, 1), op(Kind.ROTATE, None, "k2", 2), refresh(A, B, 3), refresh(B, C2, 4)
    ],
    "rotated at the same time": [login(), op(Kind.ROTATE, None, "k2", 1, 9), refresh(A, B, 2), refresh(B, C2, 3)],
    "a key that is still needed is not retired, and its tokens stay good": [
        login(), op(Kind.ROTATE, None, "k2", 1), op(Kind.RETIRE, "k1", NEEDED, 2), admitted(3), refresh(A, B2, 4)
    ],
    "a key is retired once the session is over": [
        login(), op(Kind.ROTATE, None, "k2", 1), op(Kind.REVOKE, A, DONE, 2), op(Kind.RETIRE, "k1", DONE, 3),
        op(Kind.REVOKE, A, REFUSED, 4),
    ],
    "a compromised key's tokens are noise": [
        login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B2, 2), op(Kind.COMPROMISED, "k1", DONE, 3),
        refresh(A, REFUSED, 4), op(Kind.REVOKE, A, REFUSED, 5), turned_away(6), admitted(7, B2), refresh(B2, C2, 8),
    ],
    "compromised while it signs: the session ends": [
        login(), op(Kind.COMPROMISED, "k1", DONE, 1), refresh(A, REFUSED, 2), op(Kind.LISTED, None, False, 3)
    ],
    "compromised between two refreshes: the first's session ends": [
        login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B2, 2, 9), op(Kind.COMPROMISED, "k2", DONE, 3, 8),
        turned_away(10), op(Kind.CHECK, A, REFUSED, 11),
    ],
    "compromised before the refresh that was under way": [
        login(), op(Kind.ROTATE, None, "k2", 1), op(Kind.COMPROMISED, "k2", DONE, 3, 8),
        refresh(A, Token("B3", "k3"), 4, 9), admitted(10),
    ],
}  # fmt: skip

FORBIDDEN: dict[str, History] = {
    "two lineages": [login(), refresh(A, B, 1, 9), refresh(A, C, 2, 8)],
    "the same token again as its own successor": [login(), refresh(A, A, 1)],
    "forgiven after the leeway": [login(), refresh(A, B, 1), refresh(A, B, 101)],
    "theft within the leeway": [login(), refresh(A, B, 1), refresh(A, REFUSED, 100)],
    "forgiven although the successor was used": [login(), refresh(A, B, 1), refresh(B, C, 2), refresh(A, C, 3)],
    "an old successor given again": [login(), refresh(A, B, 1), refresh(B, C, 2), refresh(A, B, 3)],
    "the current one refused": [login(), refresh(A, B, 1), refresh(B, REFUSED, 2)],
    "theft that ends nothing": [login(), refresh(A, B, 1), refresh(B, C, 2), refresh(A, REFUSED, 3), admitted(4)],
    "theft that ends nothing for refreshing": [
        login(), refresh(A, B, 1), refresh(A, REFUSED, 101), refresh(B, C, 102)
    ],
    "a revocation that is lost": [login(), op(Kind.REVOKE, A, DONE, 1), admitted(2)],
    "a revocation that a refresh overwrites": [
        login(), refresh(A, B, 1, 9), op(Kind.REVOKE, A, DONE, 2, 8), refresh(B, C, 10)
    ],
    "refused, then admitted": [login(), op(Kind.REVOKE, A, DONE, 1, 9), turned_away(2), admitted(3)],
    "refused for nothing": [login(), turned_away(1), op(Kind.REVOKE, A, DONE, 2)],
    "a revocation that is refused": [login(), op(Kind.REVOKE, A, REFUSED, 1)],
    "ended twice": [login(), op(Kind.END, None, DONE, 1, 9), op(Kind.END, None, DONE, 2, 8)],
    "ended after it was revoked": [login(), op(Kind.REVOKE, A, DONE, 1), op(Kind.END, None, DONE, 2)],
    "gone while it is admitted": [login(), op(Kind.END, None, GONE, 1), admitted(2)],
    "listed after its end": [login(), op(Kind.END, None, DONE, 1), op(Kind.LISTED, None, True, 2)],
    "not listed while it lives": [login(), op(Kind.LISTED, None, False, 1), admitted(2)],
    "a check that says more than holds": [login(), refresh(A, B, 1), op(Kind.CHECK, A, DONE, 101)],
    "a check that says less than holds": [login(), refresh(A, B, 1), op(Kind.CHECK, A, REFUSED, 100)],
    "a check that ends the session": [
        login(), refresh(A, B, 1), op(Kind.CHECK, A, REFUSED, 101), refresh(B, REFUSED, 102)
    ],
    "another key than the one that signs": [login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B, 2)],
    "another successor after a rotation": [
        login(), refresh(A, B, 1), op(Kind.ROTATE, None, "k2", 2), refresh(A, B2, 3)
    ],
    "a key retired that signs": [login(), op(Kind.REVOKE, A, DONE, 1), op(Kind.RETIRE, "k1", DONE, 2)],
    "a key retired that made a token of the session": [
        login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B2, 2), op(Kind.RETIRE, "k1", DONE, 3)
    ],
    "a compromised key that signs": [
        login(), op(Kind.ROTATE, None, "k2", 1), op(Kind.COMPROMISED, "k2", DONE, 2), refresh(A, B2, 3)
    ],
    "a session whose token a compromised key made goes on": [
        login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B2, 2), op(Kind.COMPROMISED, "k2", DONE, 3), admitted(4)
    ],
    "the same, and the refresh was under way": [
        login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B2, 2, 9), op(Kind.COMPROMISED, "k2", DONE, 3, 8),
        admitted(10),
    ],
    "a compromised key's access token admitted": [login(), op(Kind.COMPROMISED, "k1", DONE, 1), admitted(2)],
    "a compromised key's refresh token redeemed": [
        login(), op(Kind.COMPROMISED, "k1", DONE, 1), refresh(A, B2, 2)
    ],
    "noise that ends a session": [
        login(), op(Kind.ROTATE, None, "k2", 1), refresh(A, B2, 2), op(Kind.COMPROMISED, "k1", DONE, 3),
        refresh(A, REFUSED, 4), refresh(B2, REFUSED, 5),
    ],
    "a lost answer that made two lineages": [
        login(), refresh(A, None, 1), refresh(A, B, 5), refresh(A, C, 6)
    ],
    "a lost answer's leeway that never ends": [
        login(), refresh(A, None, 1), refresh(A, B, 5), refresh(A, B, 200)
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
def test_the_specification_allows(name: str) -> None:
    assert linearizable(ALLOWED[name])


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_specification_forbids(name: str) -> None:
    assert not linearizable(FORBIDDEN[name])


def test_the_page_about_sessions_says_what_each_call_does_and_names_no_other() -> None:
    page = (ROOT / "docs" / "explanation" / "sessions-and-tokens.md").read_text()
    section = page.partition("## What concurrent refreshes see\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")]
    assert rows == ["call", "---", *(kind.value for kind in Kind)]


def test_what_was_answered_after_the_end_of_a_history_is_no_answer_in_it() -> None:
    """The rotation that explains why a key could be retired began after the session's last call, as in a real run."""
    retired, rotated = op(Kind.RETIRE, "k1", DONE, 8, 20), op(Kind.ROTATE, None, "k2", 12, 15)
    whole = [login(), op(Kind.END, None, DONE, 5), turned_away(9), retired, rotated]
    assert linearizable(whole)
    assert not linearizable([each for each in whole if each.began <= 10])
    assert linearizable(until(whole, 10))
    assert [each.answer for each in until([retired, rotated], 20)] == [DONE, "k2"]


def test_a_history_that_was_cut_is_still_judged() -> None:
    wrong = [login(), op(Kind.END, None, DONE, 5), admitted(6), op(Kind.RETIRE, "k1", DONE, 7, 20)]
    assert not linearizable(until(wrong, 10))
