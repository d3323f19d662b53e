"""Signed notes: a text with the names of those who signed it below, for people to keep and programs to check.

Ed25519 alone, and the only module that knows cryptography beyond hashes. It draws no randomness and reads no file:
seeds and texts are handed in. A key's name says whose it is; what the text means is not this module's business.

Sources: C2SP signed-note; RFC 8032 (Ed25519); golang.org/x/mod/sumdb/note, whose limits and key files these are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import ForgedNoteError, NoteError, UnsignedNoteError, shown

#: Longest note that is read or signed, in bytes.
LONGEST = 1_000_000
#: Most signatures on one note.
MOST_SIGNATURES = 100

_ED25519 = b"\x01"
_KEY_BYTES = 32
_ID_BYTES = 4
_PRIVATE = "PRIVATE+KEY+"
_DASH = "— "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_ID = re.compile(r"[0-9a-f]{8}")
_PRIME = 2**255 - 19
#: Points under which a signature on any text can be made without a secret: y-coordinates of orders 1, 2, 4 and 8.
_WEAK = frozenset(
    {
        0,
        1,
        _PRIME - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """The public half of a key: whoever has it can tell what the other half signed.

    :param name: Whose key it is, without spaces and ``+``.
    :param public: 32 bytes.
    :raises NoteError: the name or the bytes are not those of a key.
    """

    name: str
    public: bytes
    #: 8 hexadecimal digits that tell keys of one name apart.
    id: str = field(init=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_point(self.public)
        digest = sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()
        object.__setattr__(self, "id", digest[:_ID_BYTES].hex())

    @classmethod
    def parse(cls, text: str) -> VerifyingKey:
        """The key that :meth:`encode` wrote; spaces and newlines around it do not matter.

        :raises NoteError: it is no public key.
        """
        if text.strip().startswith(_PRIVATE):
            raise NoteError("that is the private key, which is nobody else's to have: give the public one")
        name, key_id, material = _parts(text)
        key = cls(name, material)
        if key.id != key_id:
            raise NoteError("the key's id does not fit the key")
        return key

    def encode(self) -> str:
        """One line of text to hand out."""
        return f"{self.name}+{self.id}+{_base64(_ED25519 + self.public)}"

    def has_signed(self, text: bytes, signature: bytes) -> bool:
        """Whether *signature*, 64 bytes, is this key's on *text*."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half of a key. It never shows its seed, except to :meth:`encode`.

    :param seed: 32 random bytes.
    :raises NoteError: the name or the seed are not those of a key.
    """

    name: str
    seed: bytes = field(repr=False)
    #: The half to hand out.
    public: VerifyingKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.seed) != _KEY_BYTES:
            raise NoteError(f"a seed has {_KEY_BYTES} bytes")
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        object.__setattr__(self, "public", VerifyingKey(self.name, public))

    @classmethod
    def generate(cls, name: str, seed: bytes) -> SigningKey:
        """A key under *name* from *seed*, 32 bytes that nobody can guess."""
        return cls(name, seed)

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """The key that :meth:`encode` wrote; spaces and newlines around it do not matter.

        :raises NoteError: it is no private key.
        """
        text = text.strip()
        if not text.startswith(_PRIVATE):
            raise NoteError("not a private key")
        name, key_id, material = _parts(text.removeprefix(_PRIVATE))
        key = cls(name, material)
        if key.public.id != key_id:
            raise NoteError("the key's id does not fit the key")
        return key

    def encode(self) -> str:
        """One line of text to keep secret."""
        return f"{_PRIVATE}{self.name}+{self.public.id}+{_base64(_ED25519 + self.seed)}"

    def sign(self, text: bytes) -> bytes:
        """64 bytes that only this key can make of *text*."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)


def sign(text: str, keys: Sequence[SigningKey]) -> str:
    """The note that *keys* make of *text*.

    :param text: One or more lines, the last with its newline.
    :raises NoteError: the text cannot stand in a note, or nobody signs.
    """
    said = _encoded(text)
    if not text.endswith("\n"):
        raise NoteError("the text of a note ends with a newline")
    if not 0 < len(keys) <= MOST_SIGNATURES:
        raise NoteError(f"a note bears 1 to {MOST_SIGNATURES} signatures")
    lines = {f"{_DASH}{key.name} {_base64(bytes.fromhex(key.public.id) + key.sign(said))}\n": None for key in keys}
    note = f"{text}\n{''.join(lines)}"
    _encoded(note)
    return note


def open_note(note: str | bytes, keys: Sequence[VerifyingKey]) -> tuple[str, tuple[VerifyingKey, ...]]:
    """The text of *note*, and which of *keys* signed it, in the order of their signatures.

    Signatures of other keys are passed over, as the specification has it: they may be anybody's.

    :raises UnsignedNoteError: none of *keys* signed it.
    :raises ForgedNoteError: a signature in the name of one of *keys* is not that key's.
    :raises NoteError: it is malformed, or two of *keys* cannot be told apart.
    """
    text, signatures = _split(note)
    known = _by_name(keys)
    said, who = text.encode(), dict[VerifyingKey, None]()
    for name, signature in signatures:
        key = known.get((name, signature[:_ID_BYTES].hex()))
        if key is None:
            continue
        if not key.has_signed(said, signature[_ID_BYTES:]):
            raise ForgedNoteError(f"the signature of {key.name}+{key.id} does not fit the text")
        who[key] = None
    if not who:
        raise UnsignedNoteError(f"not signed by {_listed(keys)}; it bears the name of {_named(signatures)}")
    return text, tuple(who)


def named(note: str | bytes) -> tuple[tuple[str, str], ...]:
    """Name and id of every key whose signature *note* claims to bear. Checks none of them.

    :raises NoteError: it is malformed.
    """
    return tuple((name, signature[:_ID_BYTES].hex()) for name, signature in _split(note)[1])


def _split(note: str | bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Text, and name and signature of each line below it."""
    if isinstance(note, bytes):
        if len(note) > LONGEST:
            raise NoteError(f"longer than the {LONGEST} bytes of a note")
        try:
            note = note.decode()
        except UnicodeDecodeError:
            raise NoteError("not UTF-8") from None
    _encoded(note)
    middle = note.rfind("\n\n")
    if middle < 0 or not note.endswith("\n"):
        raise NoteError("not a note: no text, empty line and signatures")
    lines = note[middle + 2 :].split("\n")[:-1]
    if not 0 < len(lines) <= MOST_SIGNATURES:
        raise NoteError(f"a note bears 1 to {MOST_SIGNATURES} signatures")
    return note[: middle + 1], [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    name, space, written = line.removeprefix(_DASH).partition(" ")
    if not (line.startswith(_DASH) and space):
        raise NoteError("a line below the text that is no signature")
    _check_name(name)
    signature = _from_base64(written)
    if len(signature) <= _ID_BYTES:
        raise NoteError("a signature that is too short")
    return name, signature


def _by_name(keys: Sequence[VerifyingKey]) -> dict[tuple[str, str], VerifyingKey]:
    known: dict[tuple[str, str], VerifyingKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.id), key) != key:
            raise NoteError(f"two keys go by {key.name}+{key.id}")
    return known


def _encoded(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise NoteError("half a character") from None
    if len(data) > LONGEST:
        raise NoteError(f"longer than the {LONGEST} bytes of a note")
    if _CONTROL.search(text):
        raise NoteError("a control character")
    return data


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        raise NoteError("the name of a key has neither spaces nor + and is not empty")
    _encoded(name)


def _check_point(public: bytes) -> None:
    if len(public) != _KEY_BYTES:
        raise NoteError(f"a public key has {_KEY_BYTES} bytes")
    y = int.from_bytes(public, "little") & ~(1 << 255)
    if y >= _PRIME or y in _WEAK:
        raise NoteError("a public key under which anybody can sign")


def _parts(text: str) -> tuple[str, str, bytes]:
    """Name, id and the 32 bytes of a key as a file holds it."""
    name, _, rest = text.strip().partition("+")
    key_id, _, written = rest.partition("+")
    if not _ID.fullmatch(key_id):
        raise NoteError("not a key: <name>+<8 hexadecimal digits>+<base64>")
    material = _from_base64(written)
    if material[:1] != _ED25519 or len(material) != 1 + _KEY_BYTES:
        raise NoteError("not an Ed25519 key")
    return name, key_id, material[1:]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    """The bytes of *text*, in the one spelling that they have."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise NoteError("not base64") from None
    if _base64(data) != text:
        raise NoteError("not base64 in its one spelling")
    return data


def _listed(keys: Sequence[VerifyingKey]) -> str:
    return ", ".join(f"{key.name}+{key.id}" for key in keys[:3]) or "any key"


def _named(signatures: Sequence[tuple[str, bytes]]) -> str:
    return ", ".join(shown(f"{name}+{signature[:_ID_BYTES].hex()}") for name, signature in signatures[:3])
