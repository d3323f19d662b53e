"""A checkpoint as an e-mail: the message, and the one conversation with the mail server that sends it.

To one recipient, in plain text, with the checkpoint as a file. No address is logged, kept, or shown in an error; nor is
a password, which goes over an encrypted connection or to this very machine, and nowhere else.

Sources: RFC 5321, RFC 5322, RFC 3207 (STARTTLS), RFC 8314 §3 (implicit TLS), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import policy as policies
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from consent import ConfigError
from consent.proof.checkpoint import claimed
from consent.proof.note import VerifyingKey

from .anchoring import AnchorError, file_name

#: Seconds that the server has for each answer.
_PATIENCE = 30.0
_LONGEST = 254  # RFC 5321 §4.5.3.1.3, without the brackets
#: One address without a name, without quotes, in ASCII: nothing in it can begin another header or another recipient.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+")
_NO_SERVER = "CONSENT_SMTP_URL: not a mail server. Write smtp://user:password@host:port"
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")

_TEXT = """\
This is a checkpoint of the consent log of {origin}, of {day}.
It pins the log as it was then, with {size} entries. With it you can find
out later whether one of them was changed, added or removed.

Please keep this message where the site cannot reach it. There is
nothing else to do now.

To check one day, ask the site for an export, save the file that is
attached here, and run

    consentry verify EXPORT --key PUBLIC-KEY --checkpoint THIS-FILE

The public key of the site; it is worth more if you also have it from
somewhere else:

{keys}

The checkpoint:

{note}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A mail server, from ``CONSENT_SMTP_URL``.

    :param sender: Address that the mail is from; empty for the controller's.
    :param encrypted: Whether the connection is encrypted from the start, not from STARTTLS on.
    """

    host: str
    port: int
    encrypted: bool
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    sender: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """The server that *url*, ``smtp[s]://[user:password@]host[:port][?from=address]``, names.

        :raises ConfigError: it names none. The message does not repeat it.
        """
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError:
            raise ConfigError(_NO_SERVER) from None
        if not host or parts.scheme not in ("smtp", "smtps") or parts.path.strip("/"):
            raise ConfigError(_NO_SERVER)
        user, encrypted = unquote(parts.username or ""), parts.scheme == "smtps"
        return cls(
            host=host,
            port=port or (465 if encrypted else 587 if user else 25),
            encrypted=encrypted,
            user=user,
            password=unquote(parts.password or ""),
            sender=parse_qs(parts.query).get("from", [""])[0],
        )


def compose(note: str, keys: Sequence[VerifyingKey], *, sender: str, recipient: str, now: datetime) -> EmailMessage:
    """The message with *note* in it.

    :param keys: To be named in the message.
    :raises AnchorError: an address is none.
    """
    if not _is_address(recipient):
        raise AnchorError("the recipient is no e-mail address. Write one, such as dpo@example.org, and nothing else")
    if not _is_address(sender):
        remedy = (
            "Give the policy a [controller] email, or CONSENT_SMTP_URL the sender: smtp://host?from=site@example.org"
        )
        raise AnchorError(f"nobody is named whom the mail is from. {remedy}")
    head = claimed(note)
    text = _TEXT.format(
        origin=head.origin,
        day=f"{now:%Y-%m-%d}",
        size=head.size,
        keys="\n".join(f"    {key.encode()}" for key in keys) or "    (is not on the host that sent this)",
        note=note,
    )
    message = EmailMessage(policy=policies.SMTP)
    message["From"], message["To"] = sender, recipient
    message["Subject"] = f"Checkpoint of the consent log of {head.origin}: {head.size} entries"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    message.add_attachment(note.encode(), maintype="application", subtype="octet-stream", filename=file_name(head))
    return message


def send(server: Server, message: EmailMessage) -> str:
    """Send *message* to the one recipient that it names.

    :return: What took it; without an address.
    :raises AnchorError: it was not taken.
    """
    try:
        with closing(_connected(server)) as connection:
            if server.user:
                _log_in(connection, server)
            connection.send_message(message)
            with suppress(smtplib.SMTPException, OSError):  # it has the message, whatever it says to a farewell
                connection.quit()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise AnchorError(f"the e-mail could not be sent through {server.host}: {_reason(error)}") from None
    return f"e-mail through {server.host}"


def _connected(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.encrypted:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_PATIENCE, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=_PATIENCE)
    try:
        connection.ehlo_or_helo_if_needed()
        if connection.has_extn("starttls"):
            connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection


def _log_in(connection: smtplib.SMTP, server: Server) -> None:
    if not isinstance(connection.sock, ssl.SSLSocket) and not _LOOPBACK.fullmatch(server.host):
        raise AnchorError(
            f"{server.host} offers no encryption, so the password is not sent. Use smtps:// or another server"
        )
    connection.login(server.user, server.password)


def _is_address(text: str) -> bool:
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


def _reason(error: Exception) -> str:
    """What went wrong, without what the server said: it may repeat an address."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"it refused the recipient ({', '.join(map(str, codes))})"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refused user and password ({error.smtp_code})"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    return next((said for kind, said in _SAID.items() if isinstance(error, kind)), type(error).__name__)


_SAID: Mapping[type[Exception], str] = {
    smtplib.SMTPNotSupportedError: "it cannot do what is needed: log in, or STARTTLS",
    smtplib.SMTPServerDisconnected: "it ended the connection",
    socket.gaierror: "its name is not known",
    TimeoutError: "it did not answer in time",
    ConnectionRefusedError: "nothing answers there",
}
