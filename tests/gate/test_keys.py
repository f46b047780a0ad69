"""Key bytes: no two callers share one, and nobody can make one that a state refuses."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from stockade.gate.keys import join, limit_key, limit_prefix, parse_limit_key, session_key, subject_key
from stockade.gate.protocol import MAX_KEY, Limit

SECOND = 1_000_000
anything = st.text(st.characters(codec=None), max_size=300)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=100).filter(
    lambda name: name.isprintable() and len(name.encode()) <= 200
)
nasty = st.text(st.sampled_from("\0\1\2abcé:"), max_size=400)


@given(anything | nasty, anything | nasty)
def test_two_identities_never_share_a_key(one: str, two: str) -> None:
    limit = Limit("login", 5, 60 * SECOND)
    for make in (lambda who: limit_key(limit, who), subject_key, session_key):
        assert (make(one) == make(two)) == (one == two)


@given(names, anything | nasty, names, anything | nasty)
def test_name_and_identity_cannot_be_shifted_into_each_other(a: str, who: str, b: str, whom: str) -> None:
    one, two = limit_key(Limit(a, 5, SECOND), who), limit_key(Limit(b, 5, SECOND), whom)
    assert (one == two) == ((a, who) == (b, whom))


@given(names, anything | nasty, names, anything | nasty)
@example("login", "al\0ice", "login", "al")
def test_the_prefix_of_one_identity_is_not_the_prefix_of_another(a: str, who: str, b: str, whom: str) -> None:
    key = limit_key(Limit(a, 5, SECOND), who)
    assert key.startswith(limit_prefix(b, whom)) == ((a, who) == (b, whom))
    assert key.startswith(limit_prefix(b)) == (a == b)
    assert key.startswith(limit_prefix())


@given(names, st.text(st.characters(codec=None)) | nasty)
def test_keys_are_short_enough_for_every_state(name: str, who: str) -> None:
    limit = Limit(name, 10**9, 10 * 365 * 86400 * SECOND)
    for key in (
        limit_key(limit, who),
        limit_key(limit, who * 50),
        subject_key(who * 50),
        session_key(who * 50),
    ):
        assert 0 < len(key) <= MAX_KEY


@given(names, anything | nasty)
def test_a_key_is_readable_again(name: str, who: str) -> None:
    found, whom = parse_limit_key(limit_key(Limit(name, 100, SECOND), who))
    assert found == name
    assert whom == who or whom.startswith("sha256:")


@given(st.lists(anything | nasty, max_size=4), st.lists(anything | nasty, max_size=4))
def test_joined_parts_are_told_apart(one: list[str], two: list[str]) -> None:
    assert (join(*one) == join(*two)) == (one == two)


@pytest.mark.parametrize("who", ["alice", "", "x" * 1000])
def test_limits_subjects_and_sessions_have_keys_of_different_kinds(who: str) -> None:
    kinds = {key[:1] for key in (limit_key(Limit("a", 1, 1), who), subject_key(who), session_key(who))}
    assert len(kinds) == 3
