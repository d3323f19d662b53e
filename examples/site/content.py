"""What the society has to say: events, news and one demo account.

Values only: no Flask, no consent, no storage. A real site would keep these in a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

FRIDAY, SATURDAY, TUESDAY = 4, 5, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video on YouTube.

    :param source: Path and query below ``/embed/``.
    :param page: Where it can be watched without embedding.
    """

    title: str
    source: str
    page: str

    @property
    def embed_url(self) -> str:
        """Address of the player that sets no cookie before it plays."""
        return f"https://www.youtube-nocookie.com/embed/{self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Somewhere to meet.

    :param lat: Degrees north.
    :param lon: Degrees east.
    """

    name: str
    directions: str
    lat: float
    lon: float

    @property
    def map_url(self) -> str:
        """OpenStreetMap's page for embedding, about two kilometres wide."""
        box = (self.lon - 0.015, self.lat - 0.008, self.lon + 0.015, self.lat + 0.008)
        query = {
            "bbox": ",".join(f"{edge:.4f}" for edge in box),
            "layer": "mapnik",
            "marker": f"{self.lat},{self.lon}",
        }
        return f"https://www.openstreetmap.org/export/embed.html?{urlencode(query)}"

    @property
    def page(self) -> str:
        """The same place on openstreetmap.org."""
        return f"https://www.openstreetmap.org/?mlat={self.lat}&mlon={self.lon}#map=15/{self.lat}/{self.lon}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens once a month.

    :param week: 1 to 4: the first to the fourth such weekday of the month.
    :param weekday: 0 (Monday) to 6 (Sunday).
    """

    slug: str
    title: str
    week: int
    weekday: int
    hours: str
    place: Place
    summary: str
    text: tuple[str, ...]
    bring: tuple[str, ...] = ()
    video: Video | None = None

    def next_date(self, today: date) -> date:
        """The next day on which it happens; *today* counts."""
        month = today.replace(day=1)
        while (day := self._day_in(month)) < today:
            month = (month + timedelta(days=31)).replace(day=1)
        return day

    def _day_in(self, month: date) -> date:
        return month + timedelta(days=(self.weekday - month.weekday()) % 7 + 7 * (self.week - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A piece of news. *text* is one string per paragraph."""

    slug: str
    title: str
    published: date
    author: str
    summary: str
    text: tuple[str, ...]


OBSERVATORY = Place(
    name="Millbrook Observatory",
    directions="Up the track behind the mill. Park at the mill and walk the last 200 metres without headlights.",
    lat=53.7478,
    lon=-7.1534,
)
PARISH_HALL = Place(
    name="Parish hall, Mill Lane",
    directions="Next to the bridge. Level entrance, hearing loop, and the kettle is on from half past seven.",
    lat=53.7531,
    lon=-7.1601,
)

_EVENTS = (
    Event(
        slug="observing-night",
        title="Public observing night",
        week=1,
        weekday=FRIDAY,
        hours="20:00 to 23:00",
        place=OBSERVATORY,
        summary="The dome is open. Look through the 40 cm telescope, or bring your own and we help you to set it up.",
        text=(
            "Come at any time and stay as long as you are warm. We start with the Moon or whichever planets are up, "
            "and end with galaxies once everyone’s eyes are used to the dark. No experience is needed, and no "
            "question is too simple.",
            "If it is cloudy we open anyway: there is a heated room with a slide show, a meteorite to hold, and soup.",
        ),
        bring=(
            "Warm clothes: the dome is as cold as the field",
            "A torch with a red light, or our website in night-vision mode",
        ),
        video=Video(
            title="Before you come: a tour of the Moon",
            source="nr5Pj6GQL2o",
            page="https://www.youtube.com/watch?v=nr5Pj6GQL2o",
        ),
    ),
    Event(
        slug="young-astronomers",
        title="Young astronomers",
        week=2,
        weekday=SATURDAY,
        hours="11:00 to 12:30",
        place=PARISH_HALL,
        summary="For ages 7 to 14, with a grown-up: this season we build a sundial, a comet and a pinhole camera.",
        text=(
            "Each morning is one experiment and one story. You take home what you build. The comet melts, so bring "
            "a bowl.",
            "Free of charge. We have room for 24 children; drop us a line through the contact form to keep a seat.",
        ),
        bring=("Scissors and an old T-shirt",),
    ),
    Event(
        slug="monthly-talk",
        title="Monthly talk: reading starlight",
        week=3,
        weekday=TUESDAY,
        hours="19:30 to 21:00",
        place=PARISH_HALL,
        summary="How a prism, a slit and some patience tell us what a star is made of. With a spectroscope to try.",
        text=(
            "Nobody has been to a star, and yet we know that most of it is hydrogen. Our treasurer explains how, "
            "with a cereal box, a compact disc and every lamp that he could find in his house.",
            "Everybody is welcome. Members may bring the spectroscope home afterwards.",
        ),
    ),
)

#: The dome's camera. NASA's channel stands in for it, so that the demo has something to show.
LIVE = Video(
    title="Live from the dome",
    source="live_stream?channel=UCLA_DiR1FfKNvjuUpBHmylQ",
    page="https://www.youtube.com/@NASA/live",
)

#: Newest first.
NEWS = (
    Article(
        slug="geminids-without-moon",
        title="A Geminid night without the Moon",
        published=date(2026, 11, 16),
        author="Aoife Brennan",
        summary="The year’s best meteor shower peaks in the night of 13 December, and this time nothing outshines it.",
        text=(
            "Most showers are the dust of comets. The Geminids come from Phaethon, a small rocky body that passes "
            "closer to the Sun than Mercury does. Their meteors are slow, bright and often yellow, which makes them "
            "a good first shower.",
            "The Moon is only a few days old and sets early, so the sky stays dark. Between ten and two, with your "
            "back to the nearest street light, you may count one every minute or two.",
            "We meet at the observatory from nine. You need no telescope, in fact it would only get in the way: "
            "bring a deckchair, a blanket, and something hot.",
        ),
    ),
    Article(
        slug="borrow-a-telescope",
        title="Borrow a telescope from the library",
        published=date(2026, 10, 4),
        author="Tom Nolan",
        summary="Three sturdy tabletop telescopes can now be borrowed like a book. No membership is needed.",
        text=(
            "Thanks to the county library there are three tabletop telescopes on the shelf next to the atlases. "
            "Each comes with a red torch, a star wheel and a booklet that fits on one page, because nobody reads "
            "more in the dark.",
            "They show the craters of the Moon, Jupiter’s four large moons and the rings of Saturn. The loan is for "
            "three weeks: long enough for one clear night in Ireland, we hope.",
        ),
    ),
    Article(
        slug="eclipse-evening",
        title="The evening the Sun became a sickle",
        published=date(2026, 8, 14),
        author="Aoife Brennan",
        summary="Two hundred people, forty cardboard viewers and one confused rooster watched from the mill field.",
        text=(
            "On 12 August the Moon covered more than nine tenths of the Sun. The light turned thin and silvery, the "
            "swallows went to their barn, and under the lime tree every gap between the leaves threw a small bright "
            "sickle.",
            "Thank you to everybody who helped, above all to the scouts, who handed out and collected all forty "
            "viewers. The next one of this kind is a long way off. We will keep the viewers.",
        ),
    ),
)

#: User name to password hash. The password is on the login page: this is a demo.
MEMBERS = {
    "demo": "scrypt:32768:8:1$262IOgNLJPs6eINF$71a6c837d1371eb85e897c377fdbaa7f07ca07d3b24c3541b4647b1537e54672"
    "ec0d49f4ff969931b2ca7be7dc34b3273551319732e9920b8f0b2e4dcbb119ae",
}


def upcoming(today: date) -> list[tuple[date, Event]]:
    """Every event with its next date, soonest first."""
    return sorted(((event.next_date(today), event) for event in _EVENTS), key=lambda dated: dated[0])


def event(slug: str) -> Event | None:
    """The event of that name, if there is one."""
    return next((found for found in _EVENTS if found.slug == slug), None)


def article(slug: str) -> Article | None:
    """The article of that name, if there is one."""
    return next((found for found in NEWS if found.slug == slug), None)
