"""From a user agent to a coarse class and a family; machines, and proxies of mail, are told apart from people."""

from __future__ import annotations

import time

import pytest

from consent.audience import device as module
from consent.audience.device import FAMILIES, Device, device, mail_proxy

WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"

PEOPLE = {
    f"{LINUX} Firefox/140.0": Device("desktop", "Firefox"),
    WINDOWS: Device("desktop", "Chrome"),
    f"{WINDOWS} Edg/142.0.0.0": Device("desktop", "Edge"),
    f"{WINDOWS} OPR/124.0.0.0": Device("desktop", "Opera"),
    f"{WINDOWS} Vivaldi/7.6.3797.63": Device("desktop", "Vivaldi"),
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko": Device("desktop", "IE"),
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36": (
        Device("desktop", "Chrome")
    ),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Safari/605.1.15": Device("desktop", "Safari"),
    f"{IPHONE} Version/18.0 Mobile/15E148 Safari/604.1": Device("mobile", "Mobile Safari"),
    f"{IPHONE} CriOS/142.0.0.0 Mobile/15E148 Safari/604.1": Device("mobile", "Chrome Mobile iOS"),
    f"{IPHONE} FxiOS/144.0 Mobile/15E148 Safari/605.1.15": Device("mobile", "Firefox iOS"),
    f"{IPHONE} Mobile/15E148 Instagram 350.0.0 (iPhone15,2)": Device("mobile", "Instagram"),
    f"{ANDROID} Mobile Safari/537.36": Device("mobile", "Chrome Mobile"),
    f"{ANDROID} Safari/537.36": Device("tablet", "Chrome"),
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 "
    "Chrome/130.0.0.0 Mobile Safari/537.36": Device("mobile", "Samsung Internet"),
    "Mozilla/5.0 (Linux; Android 12; CUBOT_X70) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile "
    "Safari/537.36": Device("mobile", "Chrome Mobile"),
    "Mozilla/5.0 (Linux; Android 12; CUBOT X70) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile "
    "Safari/537.36": Device("mobile", "Chrome Mobile"),
    "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 "
    "Mobile/15E148 Safari/604.1": Device("tablet", "Mobile Safari"),
    "Mozilla/5.0 (PlayStation; PlayStation 5/6.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 "
    "Safari/605.1.15": Device("other", "Safari"),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0": (
        Device("desktop", "Thunderbird")
    ),
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17; Pro)": Device("desktop", "Outlook"),
    "Outlook-iOS/711.2304115.prod.iphone (3.26.0)": Device("mobile", "Outlook-iOS"),
    "Opera/9.80 (J2ME/MIDP; Opera Mini/9.80; U; en) Presto/2.5.25 Version/10.54": Device("mobile", "Opera Mini"),
    "Links (2.28; Linux 5.10; text)": Device("other", "Links"),
}

MACHINES = (
    "Mozilla/5.0 (Somebody's own; 1.0) Browser/1",
    "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041",
    "Mozilla/5.0 zgrab/0.x",
    "Mozilla/5.0 (compatible; CensysInspect/1.1; +somewhere)",
    "Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/20.0.0",
    "",
    " ",
    "-",
    "Mozilla/5.0",
    "Mozilla/5.0 ",
    "Mozilla/5.0 (compatible)",
    "Mozilla/4.0 (compatible;)",
    "curl/8.5.0",
    "Wget/1.21.4",
    "python-requests/2.32.3",
    "python-httpx/0.27.0",
    "Python/3.12 aiohttp/3.10.5",
    "Python-urllib/3.12",
    "Go-http-client/2.0",
    "Java/17.0.2",
    "okhttp/4.12.0",
    "Apache-HttpClient/4.5.14 (Java/17)",
    "libwww-perl/6.72",
    "axios/1.7.7",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "undici",
    "PostmanRuntime/7.42.0",
    "MyApp/3.1 CFNetwork/1410.0.3 Darwin/22.6.0",
    "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7)",
    WINDOWS.replace("Chrome", "HeadlessChrome"),
    "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
    f"{WINDOWS} Puppeteer",
    f"{WINDOWS} Playwright/1.48",
    f"{WINDOWS} Chrome-Lighthouse",
    f"{WINDOWS} Cypress/13",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"{ANDROID} Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"{ANDROID} Mobile Safari/537.36 (compatible; Google-InspectionTool/1.0)",
    "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0)",
    "facebookexternalhit/1.1",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
    f"{WINDOWS} SkypeUriPreview Preview/0.5",
    "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    "Mozilla/5.0 (compatible; StatusCake)",
    f"{WINDOWS} Checkly/1.0",
    "Mozilla/5.0 (compatible; Yahoo! Slurp)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Microsoft Office Existence Discovery",
    "W3C_Validator/1.3",
    "Mozilla/5.0 (compatible; archive.org_bot)",
)

PROXIES = (
    "Mozilla/5.0",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    WINDOWS.replace("142.0.0.0", "42.0.2311.135") + " Edge/12.246 Mozilla/5.0",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/5.0 (compatible; YahooMailProxy)",
)

#: What makes patterns try everything: each is longer than is looked at.
HOSTILE = (
    "Mozilla/5.0 (" + "; " * 1_000,
    "Mozilla/5.0 HbbTV/1.1.1 (" + "; " * 1_000,
    "Mozilla/5.0 SMART-TV " + " ;" * 1_000,
    "Mozilla/5.0 (Linux; Android " + "; " * 1_000,
    "Mozilla/5.0 (Linux; U; Android 4.0; en-us; " + "SAMSUNG " * 300,
    "Mozilla/5.0 (Linux; Android 10; " + "a-" * 1_000,
    "Mozilla/5.0 (Linux; Android 10;" + " " * 2_000 + "x",
    "Mozilla/5.0 " + "(" * 2_000,
    "Mozilla/5.0 " + "a" * 2_000,
    "Mozilla/5.0 " + "cubo" * 500,
    "Mozilla/5.0 (compatible;" + " " * 2_000,
    "Mozilla/" + "1." * 1_000,
    "Mozilla/5.0 AppleWebKit/" + "AppleWebKit/" * 200,
    "Mozilla/5.0 " + "\N{LATIN SMALL LETTER E WITH ACUTE}\x00" * 1_000,
    "; " * 30_000,
)


@pytest.mark.parametrize(("agent", "seen"), PEOPLE.items(), ids=str)
def test_a_person_has_a_class_and_a_family(agent: str, seen: Device) -> None:
    """Coarse ones, and no other words of an agent."""
    assert device(agent) == seen
    assert not mail_proxy(agent)


@pytest.mark.parametrize("agent", [*MACHINES, *PROXIES])
def test_a_machine_is_a_machine(agent: str) -> None:
    """Whatever browser it says that it is; what looks at mail for somebody is nobody on a page."""
    assert device(agent) == Device("machine", "other")


@pytest.mark.parametrize("agent", PROXIES)
def test_a_proxy_of_mail_is_told_apart(agent: str) -> None:
    """Apple, Gmail (when a mail is opened, and before), Yahoo."""
    assert mail_proxy(agent)


@pytest.mark.parametrize(
    "agent", ["", "curl/8.5.0", "Mozilla/5.0 (compatible; Googlebot/2.1)", f"{WINDOWS} Edge/12.246"]
)
def test_other_machines_are_no_proxies(agent: str) -> None:
    """Nobody's mail is read by them."""
    assert not mail_proxy(agent)


def test_a_hostile_agent_costs_little() -> None:
    """Read for the first time, in less than 50 ms: 512 characters are all that is looked at."""
    device(f"{LINUX} Firefox/140.0")  # patterns are compiled when first needed
    slowest = 0.0
    for agent in HOSTILE:
        taken = []
        for attempt in range(3):  # the machine may be busy with something else
            begin = time.perf_counter()
            device(agent[:500] + str(attempt) + agent[500:])
            mail_proxy(agent)
            taken.append(time.perf_counter() - begin)
        slowest = max(slowest, min(taken))
    assert slowest < 0.05


def test_memory_is_bounded_whatever_is_sent() -> None:
    """What is remembered is cut before: agents that begin alike are one."""
    module._read.cache_clear()
    for number in range(100):
        device("Mozilla/5.0 " + "x" * 1_000 + str(number))
    assert module._read.cache_info().currsize == 1
    assert module._read.cache_info().maxsize == 2_048


def test_families_are_a_short_list() -> None:
    """A made-up browser is one of the others."""
    assert len(FAMILIES) < 50
    assert device("Mozilla/5.0 (Windows NT 10.0) FirefoxOfMine9/1.0").browser in {*FAMILIES, "other"}
