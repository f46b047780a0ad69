"""The checker of histories finds each kind of violation that is planted, and nothing in a clean history."""

from __future__ import annotations

import pytest

from tests.faults.checker import GRACE, check
from tests.faults.history import Answer, Change, Fault, History, Request

MS = 1_000_000
ALICE = ("alice", "open")
OK, GONE = Answer(200), Answer(401, "invalid_token")
AWAY = Answer(503, "state_unavailable", "1")


def request(began: int, ended: int, answer: Answer = OK) -> Request:
    return Request(began * MS, ended * MS, ALICE, answer)


def taken(
    began: int, ended: int, *, status: int = 204, grants: bool = False, holds: int | None = None
) -> Change:
    good = status == 204
    return Change(
        began * MS,
        ended * MS,
        "end",
        (ALICE,),
        grants,
        ((holds or ended) * MS) if good else None,
        status > 0,
        Answer(status, "" if good else "state_unavailable", "" if good else "1"),
    )


def kinds(*entries: Request | Change | Fault) -> list[str]:
    history = History(1)
    for entry in entries:
        if isinstance(entry, Request):
            history.requests.append(entry)
        elif isinstance(entry, Change):
            history.changes.append(entry)
        else:
            history.faults.append(entry)
    return [kind for kind, _ in check(history).violations]


def test_a_clean_history_has_no_violations() -> None:
    assert kinds(request(0, 1), taken(2, 5), request(1, 3), request(3, 6), request(6, 7, GONE)) == []


def test_a_request_that_began_after_the_revocation_returned_and_is_admitted_is_found() -> None:
    assert kinds(taken(0, 5), request(6, 7)) == ["admitted after it was taken"]


def test_the_report_shows_the_request_the_revocation_and_the_fault() -> None:
    history = History(1, [request(6, 7)], [taken(0, 5)], [Fault("flushall", 4 * MS, 4 * MS)])
    text = check(history).text()
    assert "request alice at open: 200" in text
    assert "end (take) alice at open" in text
    assert "fault flushall" in text


def test_a_request_that_began_before_the_revocation_returned_may_go_either_way() -> None:
    assert kinds(taken(2, 5), request(3, 9), request(4, 9, GONE), request(0, 3, GONE)) == []


def test_a_refusal_before_any_revocation_began_is_found() -> None:
    assert kinds(request(0, 1, GONE), taken(2, 3)) == ["refused while it was good"]
    assert kinds(request(0, 1, Answer(403, "permission_denied"))) == ["refused while it was good"]


def test_a_revocation_that_did_not_return_may_have_happened_or_not() -> None:
    fault = Fault("flushall", 0, 1 * MS)
    assert kinds(fault, taken(0, 5, status=503), request(6, 7), request(6, 7, GONE)) == []


def test_a_revocation_that_was_repeated_until_it_returned_counts_from_then() -> None:
    fault = Fault("flushall", 0, 1 * MS)
    assert kinds(fault, taken(0, 5, status=503), taken(6, 8), request(9, 10)) == [
        "admitted after it was taken"
    ]


def test_a_promise_that_takes_hold_later_is_held_to_that_moment() -> None:
    assert kinds(taken(0, 5, holds=30), request(20, 21), request(20, 22, GONE)) == []
    assert kinds(taken(0, 5, holds=30), request(31, 32)) == ["admitted after it was taken"]


def test_a_right_that_was_given_back_must_be_honoured() -> None:
    given = taken(6, 8, grants=True)
    assert kinds(taken(0, 5), given, request(7, 9), request(7, 9, GONE), request(9, 10)) == []
    assert kinds(taken(0, 5), given, request(9, 10, GONE)) == ["refused while it was good"]
    assert kinds(taken(0, 5), given, taken(11, 12), request(13, 14)) == ["admitted after it was taken"]


def test_a_change_whose_answer_was_lost_may_come_later() -> None:
    fault = Fault("worker", 0, 1 * MS)
    lost = taken(0, 5, status=0)
    assert kinds(fault, lost, taken(6, 8, grants=True), request(9, 10, GONE), request(9, 10)) == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(500), "a failure that is not the announced 503"),
        (Answer(502), "a failure that is not the announced 503"),
        (Answer(503), "a failure that is not the announced 503"),
        (Answer(503, "state_unavailable"), "a failure that is not the announced 503"),
        (Answer(503, "", "1"), "a failure that is not the announced 503"),
        (Answer(0), "no answer at all"),
    ],
)
def test_a_failure_that_is_not_the_announced_one_is_found_even_during_a_fault(
    answer: Answer, kind: str
) -> None:
    assert kind in kinds(Fault("flushall", 0, 10 * MS), request(2, 3, answer))


def test_an_answer_that_nobody_foresees_is_found() -> None:
    assert kinds(request(0, 1, Answer(429, "throttled"))) == ["no answer that is foreseen"]
    assert kinds(request(0, 1, Answer(404))) == ["no answer that is foreseen"]


def test_a_503_outside_of_every_fault_is_found() -> None:
    late = GRACE // MS + 10
    fault = Fault("flushall", 1 * MS, 2 * MS)
    assert kinds(fault, request(1, 2, AWAY), request(late - 20, late - 19, AWAY)) == []
    assert kinds(fault, request(late, late + 1, AWAY)) == [
        "a 503 though every part had been back for five seconds"
    ]
    assert kinds(request(1, 2, AWAY), Fault("flushall", 5 * MS, 6 * MS)) == [
        "a 503 though every part had been back for five seconds"
    ]


def test_only_the_death_of_a_worker_excuses_that_no_answer_came() -> None:
    assert kinds(Fault("worker killed", 0, 1 * MS), request(0, 1, Answer(0))) == []


def test_recovery_is_measured_from_the_return_of_the_part() -> None:
    history = History(1, [request(3, 4, AWAY), request(6, 7, AWAY), request(8, 9)], [])
    history.faults = [Fault("flushall", 2 * MS, 5 * MS), Fault("away", 10 * MS, 11 * MS)]
    assert check(history).recovery == [("flushall", 2.0), ("away", 0.0)]


def test_revocations_that_returned_are_counted_and_the_requests_that_came_after_them() -> None:
    report = check(History(1, [request(6, 7, GONE)], [taken(0, 5), taken(1, 3, status=503)]))
    assert report.returned == {"end": 1}
    assert report.after == 1
