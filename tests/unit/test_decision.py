"""Answers, how they meet earlier ones, and what may run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Answer, AnswerError, Decision, Duration, Lifetime, Method, Policy, Signals, allowed, decide, pending
from consent.grants import conflicts
from tests.policies import changed, parse, policy

NOW = datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC)
SMALL = policy()
ALL = tuple(SMALL.purposes)


def answer(
    method: Method = Method.CUSTOM,
    *purposes: str,
    services: tuple[str, ...] = (),
    duration: Duration = Duration.PERSISTENT,
    override_gpc: bool = False,
) -> Answer:
    """An answer to the whole question."""
    return Answer(
        method=method,
        asked=ALL,
        purposes=frozenset(purposes),
        services=frozenset(services),
        duration=duration,
        override_gpc=override_gpc,
    )


def decided(given: Answer, previous: Decision | None = None, *, small: Policy = SMALL, now: datetime = NOW) -> Decision:
    """The decision that *given* makes."""
    return decide(small, previous, given, now=now, subject=b"s" * 16)


def services(decision: Decision | None, *, gpc: bool = False, small: Policy = SMALL) -> set[str]:
    """The services that may run."""
    return set(allowed(small, decision, Signals(gpc=gpc)).services)


def test_undecided_means_no() -> None:
    """Only what is necessary runs before an answer, and everything is asked."""
    assert services(None) == {"login"}
    assert pending(SMALL, None, now=NOW) == ALL


def test_accept_all_grants_what_was_asked() -> None:
    """Every declared service runs, nothing is left to ask, and a subject ties the records together."""
    decision = decided(answer(Method.ACCEPT_ALL))
    assert services(decision) == set(SMALL.services)
    assert decision.subject == b"s" * 16
    assert pending(SMALL, decision, now=NOW) == ()


def test_a_refusal_keeps_no_subject_and_only_the_hour() -> None:
    """Two visitors who refuse in the same hour cannot be told apart."""
    one, two = decided(answer(Method.REJECT_ALL)), decided(answer(Method.REJECT_ALL), now=NOW + timedelta(minutes=20))
    assert one == two
    assert one.subject is None
    assert one.decided_at == datetime(2026, 3, 3, 12, tzinfo=UTC)


def test_nothing_ticked_is_a_refusal() -> None:
    """Saving an empty choice says no."""
    assert not decided(answer(Method.CUSTOM)).grants_anything
    assert answer(Method.CUSTOM).is_refusal


def test_a_ticked_purpose_covers_its_services_and_a_single_one_stands_alone() -> None:
    """Purposes and exceptions can be mixed."""
    decision = decided(answer(Method.CUSTOM, "statistics", services=("youtube",)))
    assert services(decision) == {"login", "matomo", "youtube"}
    assert "social" not in allowed(SMALL, decision, Signals()).purposes


def test_always_adds_one_service_and_asks_on() -> None:
    """An exception for one service answers no other question."""
    decision = decided(Answer(method=Method.ALWAYS, asked=(), services=frozenset({"youtube"})))
    assert services(decision) == {"login", "youtube"}
    assert pending(SMALL, decision, now=NOW) == ALL


def test_once_decides_nothing() -> None:
    """Opening a frame once is recorded elsewhere and changes no decision."""
    with pytest.raises(AnswerError):
        decided(Answer(method=Method.ONCE, asked=(), services=frozenset({"youtube"})))


def test_unknown_names_are_refused() -> None:
    """An answer cannot grant what the policy does not declare."""
    with pytest.raises(AnswerError, match="unknown purpose"):
        decided(answer(Method.CUSTOM, "spying"))
    for service in ("spy", "login"):  # what is necessary is never asked, and so cannot be answered
        with pytest.raises(AnswerError, match="unknown service"):
            decided(answer(Method.CUSTOM, services=(service,)))


def test_six_months_by_default_and_a_day_for_a_session() -> None:
    """A persistent answer ends after six calendar months, a session one after 24 hours at most."""
    assert decided(answer(Method.ACCEPT_ALL)).valid_until == datetime(2026, 9, 3, 12, 34, 56, tzinfo=UTC)
    session = decided(answer(Method.ACCEPT_ALL, duration=Duration.SESSION))
    assert session.stands(NOW + timedelta(hours=23, minutes=59))
    assert not session.stands(NOW + timedelta(hours=24))


def test_a_session_ends_after_a_day_whatever_the_receipt_says() -> None:
    """The server's limit does not depend on the end that was written down."""
    long = Decision(
        answers={},
        services=frozenset({"youtube"}),
        duration=Duration.SESSION,
        method=Method.ALWAYS,
        decided_at=NOW,
        valid_until=NOW + timedelta(days=30),
        subject=None,
    )
    assert not long.stands(NOW + timedelta(hours=24))


def test_a_clock_a_little_ahead_is_tolerated_and_no_more() -> None:
    """Hosts of one site may differ by five minutes; a receipt from tomorrow does not count."""
    decision = decided(answer(Method.ACCEPT_ALL))
    assert decision.stands(NOW - timedelta(minutes=5))
    assert not decision.stands(NOW - timedelta(minutes=6))


def test_a_new_purpose_asks_only_for_itself() -> None:
    """Earlier answers stay, and keep their earlier end."""
    before = decided(answer(Method.CUSTOM, "statistics"))
    grown = changed(
        "[purposes.marketing]",
        '[purposes.marketing]\n[purposes.surveys]\n[purposes.surveys.text]\nen = {label = "S", description = "S"}\nde = {label = "S", description = "S"}',
    )
    later = NOW + timedelta(days=30)
    assert pending(grown, before, now=later) == ("surveys",)
    after = decided(Answer(method=Method.ACCEPT_ALL, asked=("surveys",)), before, small=grown, now=later)
    assert after.answers == {**before.answers, "surveys": True}
    assert after.valid_until == before.valid_until
    assert services(after, small=grown) == {"login", "matomo"}


def test_a_full_refusal_is_left_in_peace_for_six_months() -> None:
    """A visitor who said no to everything is not asked about what is added."""
    refusing = parse(
        open_text().replace('name = "Example Ltd"', 'name = "Example Ltd"') + '\n[decision]\nlifetime = "13 months"\n'
    )
    refusal = decided(answer(Method.REJECT_ALL), small=refusing)
    grown = parse(
        open_text()
        + '\n[decision]\nlifetime = "13 months"\n[purposes.surveys]\n[purposes.surveys.text]\nen = {label = "S", description = "S"}\nde = {label = "S", description = "S"}'
    )
    assert pending(grown, refusal, now=NOW + timedelta(days=150)) == ()
    assert pending(grown, refusal, now=NOW + timedelta(days=200)) == ("surveys",)


def open_text() -> str:
    """The small policy's text."""
    from tests.policies import SMALL as TEXT

    return TEXT


def test_a_service_added_later_is_denied_until_asked_for() -> None:
    """Granting a purpose does not grant what is put into it afterwards; only that purpose is asked about."""
    before = decided(answer(Method.CUSTOM, "social"))
    grown = parse(
        open_text() + '\n[services.vimeo]\npurpose = "social"\nname = "Vimeo"\nprovider = {name = "Vimeo Inc."}'
    )
    assert services(before, small=grown) == {"login", "youtube", "maps"}
    assert pending(grown, before, now=NOW) == ("social",)


def test_a_service_added_to_a_refused_purpose_asks_nobody() -> None:
    """A refusal survives what is added to it."""
    before = decided(answer(Method.CUSTOM, "statistics"))
    grown = parse(
        open_text() + '\n[services.vimeo]\npurpose = "social"\nname = "Vimeo"\nprovider = {name = "Vimeo Inc."}'
    )
    assert pending(grown, before, now=NOW) == ()


def test_withdrawing_takes_everything_back() -> None:
    """After a withdrawal nothing runs, and no subject is kept in the decision."""
    before = decided(answer(Method.ACCEPT_ALL))
    after = decided(Answer(method=Method.WITHDRAW, asked=()), before)
    assert services(after) == {"login"}
    assert after.subject is None
    assert pending(SMALL, after, now=NOW) == ()


def test_gpc_denies_what_is_sold_even_after_accept_all() -> None:
    """Only a separate confirmation overrides the browser's signal."""
    accepted = decided(answer(Method.ACCEPT_ALL))
    assert services(accepted, gpc=True) == set(SMALL.services) - {"pixel"}
    assert "marketing" not in allowed(SMALL, accepted, Signals(gpc=True)).purposes
    assert conflicts(SMALL, accepted.answers, accepted.services, Signals(gpc=True))
    confirmed = decided(answer(Method.ACCEPT_ALL, override_gpc=True))
    assert services(confirmed, gpc=True) == set(SMALL.services)


def test_an_exempt_purpose_runs_until_objected_to() -> None:
    """*Reject all* objects."""
    exempt = changed("[purposes.statistics]", '[purposes.statistics]\nbasis = "exempt"')
    assert services(None, small=exempt) == {"login", "matomo"}
    assert services(decided(answer(Method.REJECT_ALL), small=exempt), small=exempt) == {"login"}


ANSWERS = st.builds(
    Answer,
    method=st.sampled_from([Method.ACCEPT_ALL, Method.REJECT_ALL, Method.CUSTOM, Method.ALWAYS, Method.WITHDRAW]),
    asked=st.lists(st.sampled_from(ALL), unique=True).map(tuple),
    purposes=st.frozensets(st.sampled_from(ALL)),
    services=st.frozensets(st.sampled_from(sorted(SMALL.service_tags))),
    duration=st.sampled_from(Duration),
)


@given(st.lists(ANSWERS, min_size=1, max_size=6), st.booleans())
def test_a_refusal_never_becomes_a_permission(answers: list[Answer], gpc: bool) -> None:
    """Whatever came before, what the last answer refuses does not run, and time only takes away."""
    decision: Decision | None = None
    for given_answer in answers:
        decision = decided(given_answer, decision)
    assert decision is not None
    last = answers[-1]
    running = services(decision, gpc=gpc)
    if last.method in (Method.REJECT_ALL, Method.CUSTOM):
        refused = {p for p in last.asked if last.method is Method.REJECT_ALL or p not in last.purposes}
        kept = {s for s in running if SMALL.services[s].purpose in refused}
        assert kept <= (last.services if last.method is Method.CUSTOM else set())
    if last.method is Method.WITHDRAW:
        assert running == {"login"}
    assert not decision.stands(Lifetime(months=7).after(NOW))


@given(ANSWERS, ANSWERS)
def test_gpc_only_takes_away(first: Answer, second: Answer) -> None:
    """A browser's opt-out never lets more run."""
    decision = decided(second, decided(first))
    assert services(decision, gpc=True) <= services(decision)
