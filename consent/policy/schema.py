"""The shape of ``consent.toml`` and of catalogue entries, as marshmallow schemas that refuse what they do not know.

Shape only: that a service's purpose exists, or that a language is complete, is checked by :mod:`.loader`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from ..lifetime import Lifetime
from .audience import LONGEST_COUNTED, RESERVED, SHORTEST_COUNTED
from .model import NECESSARY, Basis, Kind, Opens

#: CSP Level 3 fetch directives that can name a host.
DIRECTIVES = (
    "connect-src",
    "font-src",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "script-src",
    "style-src",
    "worker-src",
)

#: Nothing is remembered for longer than this, whatever a file says.
_LONGEST = Lifetime(months=120)

_HOST = r"[a-z0-9-]+(?:\.[a-z0-9-]+)*"
_ORIGIN = re.compile(r"(?:(?:https?|wss?)://)?(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?")
_ROUTE = re.compile(r"/(?:[^\s*?#\\]+\*?)?")
_COOKIE_NAME = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+\*?")
#: An element in which a vendor's script draws: the few forms that vendors use, so that no file can slow a page down.
_MARKER = r"(?:[a-z][a-z0-9-]*)?\.[A-Za-z0-9_-]+|[a-z][a-z0-9-]*(?:\[[a-z][a-z0-9_:-]*\]|#[A-Za-z0-9_-]+)"
_ID = validate.Regexp(r"[a-z][a-z0-9_-]{0,39}\Z", error="Use small letters, digits, '_' and '-', at most 40.")
_LANGUAGE = validate.Regexp(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", error='Write a BCP 47 tag such as "en" or "pt-BR".')
_COUNTRY = validate.Regexp(r"[A-Z]{2}\Z", error='Write the two capital letters of ISO 3166-1, such as "IE".')
_LINE = validate.And(
    validate.Length(max=300),
    validate.Regexp(r"[^\x00-\x1f\x7f]+\Z", error="Write one line without control characters."),
)
_URL = validate.Regexp(
    r"(https://[^\s\\]+|/(?![/\\])[^\s\\]*)\Z", error='Write an https URL or a path such as "/privacy".'
)
#: Where a link leads: printable ASCII without a backslash, and no ``user@`` before the host (RFC 3986 §7.6).
_TARGET = re.compile(rf"(?:https://{_HOST}(?::\d{{1,5}})?(?=[/?#]|\Z)|/(?!/))[!-\[\]-~]*", re.IGNORECASE)
_LONGEST_TARGET = 2000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
#: A letter or digit at least, so that no ``"…"`` which was left to be filled in counts as written.
_TEXT = validate.And(
    validate.Length(max=2000), validate.Regexp(r"[\W_]*[^\W_]", error="it says nothing; write a sentence.")
)
#: What may stand for a parameter of a catalogue entry.
PARAMETER = re.compile(rf"{_HOST}(?::\d{{1,5}})?\Z")


def _route(route: str) -> None:
    if route in ("*", "/*"):
        raise ValidationError(
            'it would be every page; name the pages that need it, such as "/checkout/*", or leave routes out.'
        )
    _paths(route, "/checkout/*")


def _page(page: str) -> None:
    if page in ("*", "/*"):
        raise ValidationError(
            'it would be every page, whatever stands in its path; name parts of the site, such as "/news/*".'
        )
    _paths(page, "/news/*")


def _paths(pattern: str, example: str) -> None:
    if _ROUTE.fullmatch(pattern):
        return
    if _ROUTE.fullmatch(pattern.replace("*", "")):
        raise ValidationError(f'"*" stands before its end; write it there alone, such as "{example}".')
    raise ValidationError(f'no path; write one below "/", such as "{example}", with "*" only at its end.')


def _called(example: str) -> Callable[[str], None]:
    def check(name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValidationError(f'Write small letters, digits, ".", "_" and "-", at most 64: "{example}".')
        if name in RESERVED:
            raise ValidationError(f'"{name}" means something else in tables and exports; write another name.')

    return check


def _target(target: str) -> None:
    if len(target) > _LONGEST_TARGET:
        raise ValidationError(f"longer than {_LONGEST_TARGET:,} characters; write a shorter one.")
    if not _TARGET.fullmatch(target):
        raise ValidationError(
            'neither an https URL nor a path; write "https://shop.example/offers" or "/offers", percent-encoded.'
        )


def _counted(lifetime: Lifetime) -> None:
    if lifetime > LONGEST_COUNTED:
        raise ValidationError("longer than 25 months; write a shorter time.")
    if lifetime < SHORTEST_COUNTED:
        raise ValidationError("a day would be deleted before it can be read; write a week at least.")


class _LifetimeField(fields.Field[Lifetime]):
    """A length of time in words or ISO 8601."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Lifetime:
        try:
            lifetime = Lifetime.parse(str(value))
        except ValueError as error:
            raise ValidationError(f"{error}.") from None
        if lifetime > _LONGEST:
            raise ValidationError("longer than ten years; write a shorter time.")
        return lifetime


class _CookieLifetimeField(_LifetimeField):
    """A length of time, or ``"session"``, which becomes ``None``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return None if value == "session" else super()._deserialize(value, attr, data, **kwargs)


class _Switch(fields.Boolean):
    """``true`` or ``false`` as TOML writes them, and no word that means one of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise ValidationError("neither true nor false; write one of them, without quotes.")
        return value


class _NumberField(fields.Float):
    """A number as TOML writes it, from *least* to *most*."""

    def __init__(self, least: float, most: float) -> None:
        self._said = f"Write a number from {least} to {most}, without quotes."
        super().__init__(
            validate=validate.Range(least, most, error=self._said),
            error_messages={"invalid": self._said, "special": self._said},
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            raise ValidationError(self._said)
        return super()._deserialize(value, attr, data, **kwargs)


def _whole(least: int, most: int) -> fields.Integer:
    said = f"Write a whole number from {least} to {most}, without quotes."
    limits = validate.Range(least, most, error=said)
    return fields.Integer(strict=True, validate=limits, error_messages={"invalid": said})


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class ControllerSchema(_Strict):
    name = fields.String(validate=_LINE)
    address = fields.String(validate=_LINE)
    country = fields.String(validate=_COUNTRY)
    email = fields.Email()
    privacy_url = fields.String(validate=_URL)


class DecisionSchema(_Strict):
    lifetime = _LifetimeField()
    refusal_lifetime = _LifetimeField()


class RecordSchema(_Strict):
    retention = _LifetimeField()


class TextSchema(_Strict):
    label = fields.String(required=True, validate=_LINE)
    description = fields.String(required=True, validate=validate.Length(1, 2000))


class PurposeSchema(_Strict):
    basis = fields.Enum(Basis, by_value=True)
    text = fields.Dict(keys=fields.String(validate=_LANGUAGE), values=fields.Nested(TextSchema))
    version = _whole(1, 9999)


class ProviderSchema(_Strict):
    name = fields.String(required=True, validate=_LINE)
    country = fields.String(validate=_COUNTRY)
    privacy_url = fields.String(validate=_URL)


class CookieSchema(_Strict):
    name = fields.String(
        required=True,
        validate=validate.Regexp(
            _COOKIE_NAME.pattern + r"\Z",
            error='Write a cookie name (RFC 6265), or a prefix and "*", such as "_pk_id*".',
        ),
    )
    kind = fields.Enum(Kind, by_value=True)
    lifetime = _CookieLifetimeField(required=True)
    description = fields.Dict(keys=fields.String(validate=_LANGUAGE), values=fields.String(validate=_LINE))


class VendorCookieSchema(CookieSchema):
    host = fields.String(
        required=True, validate=validate.Regexp(rf"\.?{_HOST}\Z", error='Write a host name, such as ".youtube.com".')
    )


class EmbeddingSchema(_Strict):
    markers = fields.List(
        fields.String(
            validate=validate.Regexp(
                rf"(?:{_MARKER})\Z", error='Write "tag.class", ".class", "tag[attribute]" or "tag#id".'
            )
        )
    )
    script = fields.String(validate=validate.Regexp(r"https://[^\s\\]+\Z", error="Write an https URL."))
    sandbox = fields.String(
        validate=validate.Regexp(
            r"[a-z-]+(?: [a-z-]+)*\Z", error='Write tokens of the sandbox attribute, such as "allow-scripts".'
        )
    )
    allow = fields.String(validate=_LINE)
    credentialless = _Switch()
    plays = _Switch()


class ServiceSchema(_Strict):
    use = fields.String()
    parameters = fields.Dict(
        keys=fields.String(),
        values=fields.String(
            validate=validate.Regexp(PARAMETER, error='Write a host name, and a port if needed: "stats.example.com".')
        ),
    )
    purpose = fields.String(required=True)
    name = fields.String(required=True, validate=_LINE)
    provider = fields.Nested(ProviderSchema)
    hosts = fields.Dict(
        keys=fields.String(validate=validate.OneOf(DIRECTIVES, error="Use a CSP fetch directive: {choices}.")),
        values=fields.List(
            fields.String(
                validate=validate.Regexp(
                    _ORIGIN.pattern + r"\Z", error='Write an origin without a path, such as "https://*.example.com".'
                )
            ),
            validate=validate.Length(min=1),
        ),
    )
    cookies = fields.List(fields.Nested(CookieSchema))
    vendor_cookies = fields.List(fields.Nested(VendorCookieSchema))
    sells_or_shares = _Switch()
    opens = fields.Enum(Opens, by_value=True)
    embedding = fields.Nested(EmbeddingSchema)
    routes = fields.List(fields.String(validate=_route), validate=validate.Length(min=1))
    alternative = fields.String(validate=_TEXT)
    reason = fields.String(validate=_TEXT)
    version = _whole(1, 9999)


def _missing(remedy: str) -> dict[str, Any]:
    return {"required": f"missing; {remedy}."}


def _some(what: str) -> validate.Length:
    return validate.Length(min=1, error=f"it is empty; name {what}, or remove the table.")


class ExemptSchema(_Strict):
    purpose = fields.String(
        required=True, error_messages=_missing('write one that is declared with basis = "exempt", as purpose = "…"')
    )
    countries = fields.List(
        fields.String(validate=_COUNTRY),
        required=True,
        validate=_some("a country"),
        error_messages=_missing('name those whose law you have looked at, such as countries = ["FR"]'),
    )


class CampaignsSchema(_Strict):
    purpose = fields.String(
        required=True, error_messages=_missing('write a declared one that is for nothing else, as purpose = "…"')
    )
    names = fields.List(
        fields.String(validate=_called("spring-2026")),
        required=True,
        validate=_some("a campaign"),
        error_messages=_missing('name what is counted, such as names = ["spring-2026"]'),
    )


class MailSchema(_Strict):
    purpose = fields.String(
        required=True, error_messages=_missing('write a declared one that is for nothing else, as purpose = "…"')
    )
    campaigns = fields.List(
        fields.String(validate=_called("2026-05")),
        required=True,
        validate=_some("a campaign"),
        error_messages=_missing('name what may be counted, such as campaigns = ["2026-05"]'),
    )


class AudienceSchema(_Strict):
    purpose = fields.String()
    k = _whole(5, 1000)
    retention = _LifetimeField(validate=_counted)
    pages = fields.List(fields.String(validate=_page))
    subdivisions = fields.List(fields.String(validate=_COUNTRY))
    visitors = _Switch()
    epsilon = _NumberField(0.01, 10)
    exempt = fields.Nested(ExemptSchema)
    campaigns = fields.Nested(CampaignsSchema)
    mail = fields.Nested(MailSchema)
    links = fields.Dict(keys=fields.String(validate=_called("catalogue")), values=fields.String(validate=_target))


class PolicySchema(_Strict):
    site = fields.String(required=True, validate=_ID)
    languages = fields.List(fields.String(validate=_LANGUAGE), validate=validate.Length(min=1))
    controller = fields.Nested(ControllerSchema)
    decision = fields.Nested(DecisionSchema)
    record = fields.Nested(RecordSchema)
    purposes = fields.Dict(keys=fields.String(validate=_ID), values=fields.Nested(PurposeSchema))
    services = fields.Dict(keys=fields.String(validate=_ID), values=fields.Nested(ServiceSchema))
    audience = fields.Nested(AudienceSchema)


class _DateField(fields.Field[date]):
    """A date as TOML writes it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if type(value) is not date:
            raise ValidationError("Write a date such as 2026-11-22.")
        return value


class ParameterSchema(_Strict):
    description = fields.String(required=True, validate=_LINE)


class FactSchema(_Strict):
    about = fields.String(required=True, validate=_LINE)
    source = fields.String(required=True, validate=_LINE)
    seen = _DateField(required=True)
    sure = _Switch(required=True)
    note = fields.String(validate=_TEXT)


class EntrySchema(ServiceSchema):
    """An entry of the catalogue, its parameters filled in: a service, and where each fact about it was found."""

    class Meta:
        unknown = RAISE
        exclude = ("use", "routes", "reason", "version")

    purpose = fields.String(
        required=True, validate=validate.OneOf((NECESSARY, "preferences", "statistics", "marketing", "social"))
    )
    sells_or_shares = _Switch(required=True)
    opens = fields.Enum(Opens, by_value=True, required=True)
    aliases = fields.List(fields.String(validate=_ID))
    parameters = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[a-z]+\Z")), values=fields.Nested(ParameterSchema)
    )
    facts = fields.List(fields.Nested(FactSchema), required=True, validate=validate.Length(min=1))
