"""What was declared when a record was made."""

from __future__ import annotations

from datetime import UTC, datetime

from consent.ledger.export import Declarations
from consent.policy import Basis, Provider, parse
from tests.policies import SMALL, changed
from tests.shown import POLICY, declarations

OLD = changed('name = "Matomo"', 'name = "Our own counter"')


def test_todays_policy_speaks_only_for_its_own_hash() -> None:
    """A hash that nobody knows has nothing declared."""
    assert declarations().of(POLICY.digest) is not None
    assert declarations().of("0" * 64) is None
    assert declarations().of(OLD.digest) is None


def test_an_older_policy_speaks_through_its_edition() -> None:
    """With the names of that day, and since when."""
    known = declarations(OLD).of(OLD.digest)
    assert known is not None
    assert known.services["matomo"].name == "Our own counter"
    assert known.since == "2026-03-03T12:34:56+00:00"
    today = declarations(OLD).of(POLICY.digest)
    assert today is not None
    assert today.services["matomo"].name == "Matomo"
    assert today.since is None


def test_a_declaration_has_what_the_policy_has() -> None:
    """Controller, labels, grounds, providers and what is stored for how long."""
    known = declarations().of(POLICY.digest)
    assert known is not None
    assert known.controller == POLICY.controller
    assert (known.purposes["social"].label, known.purposes["social"].basis) == (
        "Videos, maps and posts from other sites",
        Basis.CONSENT,
    )
    assert known.services["maps"].provider == Provider(name="Map Foundation", country="GB")
    assert known.services["colours"].provider is None, "the site's own"
    assert known.services["matomo"].stored == (("_pk_id*", "P13M"), ("_pk_ses", None))
    assert known.services_of("social") == ("youtube", "maps")


def test_purposes_that_were_ever_declared_are_known() -> None:
    """An export may ask for one that today's policy has no more."""
    words = 'label = "Chat"\ndescription = "Talks."\n'
    more = parse(f"{SMALL}\n[purposes.chat.text.en]\n{words}[purposes.chat.text.de]\n{words}")
    assert declarations().purposes == ["marketing", "preferences", "social", "statistics"]
    assert declarations(more).purposes == ["chat", "marketing", "preferences", "social", "statistics"]


def test_an_edition_of_another_version_may_say_less() -> None:
    """What it leaves out is unknown, not an error."""
    text = '{"policy_hash":"ff","purposes":["statistics"],"services":[{"id":"m","name":"M","purpose":"statistics"}]}'
    known = Declarations(POLICY, [(datetime(2026, 1, 1, tzinfo=UTC), text)]).of("ff")
    assert known is not None
    assert (known.purposes["statistics"].label, known.purposes["statistics"].basis) == ("statistics", None)
    assert known.services["m"].provider is None
    assert known.services["m"].stored is None
    assert known.controller.name == ""
