"""Signed notes against golang.org/x/mod/sumdb/note, whose keys and notes these are, and against every changed byte."""

from __future__ import annotations

import base64
import copy
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from consent.proof import note
from consent.proof.errors import ForgedNoteError, NoteError, UnsignedNoteError
from consent.proof.note import SigningKey, VerifyingKey, open_note, sign

PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_PUBLIC = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER, ENOCH = VerifyingKey.parse(PETER_PUBLIC), VerifyingKey.parse(ENOCH_PUBLIC)
SIGNER = SigningKey.parse(PETER_SECRET)
OURS = SigningKey.generate("example.org/shop", bytes(range(32)))


def outcome(signed: str | bytes, *keys: VerifyingKey) -> tuple[str, tuple[VerifyingKey, ...]] | type[NoteError]:
    """What opening a note gives: text and signers, or the kind of error; any other error fails the test."""
    try:
        return open_note(signed, keys)
    except NoteError as error:
        return type(error)


def test_reference_note() -> None:
    """The reference implementation's key makes its published note here, byte by byte."""
    assert sign(TEXT, [SIGNER]) == f"{TEXT}\n{PETER_LINE}"
    assert SIGNER.public == PETER
    assert (SIGNER.encode(), PETER.encode(), PETER.id) == (PETER_SECRET, PETER_PUBLIC, "c74f20a3")


def test_who_signed() -> None:
    """Signatures of keys at hand are told in their order, others are passed over, repeated ones counted once."""
    both = f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}"
    assert outcome(both, PETER) == (TEXT, (PETER,))
    assert outcome(both, ENOCH, PETER) == (TEXT, (PETER, ENOCH))
    assert outcome(both.encode(), ENOCH) == (TEXT, (ENOCH,))
    assert outcome(f"{TEXT}\n{PETER_LINE * 2}{ENOCH_LINE * 2}", PETER, PETER) == (TEXT, (PETER,))


def test_nobody_known_signed() -> None:
    """Without a key, or with another's, a note says nothing."""
    assert outcome(f"{TEXT}\n{PETER_LINE}") is UnsignedNoteError
    assert outcome(f"{TEXT}\n{PETER_LINE}", ENOCH, OURS.public) is UnsignedNoteError


def test_a_key_of_the_same_name() -> None:
    """A signature of a namesake is passed over: name and id make a key."""
    namesake = SigningKey.generate("PeterNeumann", bytes(32))
    assert outcome(sign(TEXT, [namesake]), PETER) is UnsignedNoteError
    assert outcome(sign(TEXT, [namesake, SIGNER]), PETER) == (TEXT, (PETER,))


def test_a_forged_signature() -> None:
    """A signature in a known key's name that does not fit rejects the note, even beside one that does."""
    other = sign("Something else.\n", [SIGNER]).split("\n\n")[1]
    assert outcome(f"{TEXT}\n{other}", PETER) is ForgedNoteError
    assert outcome(f"{TEXT}\n{PETER_LINE}{other}", PETER) is ForgedNoteError
    assert outcome(f"{TEXT}\n{ENOCH_LINE}{other}", PETER, ENOCH) is ForgedNoteError
    assert outcome(f"{TEXT}\n{PETER_LINE[:60]}ABCD{PETER_LINE[60:]}", PETER) is ForgedNoteError


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        TEXT + "\n",
        TEXT + PETER_LINE,
        f"{TEXT}\n{PETER_LINE}"[:-1],
        f"\x01{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE}".replace("\n", "\r\n"),
        b"\xff" + f"{TEXT}\n{PETER_LINE}".encode(),
        f"\ud800{TEXT}\n{PETER_LINE}",
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad Name')}",
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', 'Bad+Name')}",
        TEXT + "\n" + PETER_LINE.replace("PeterNeumann", "Bad\u2003Name"),
        f"{TEXT}\n{PETER_LINE.replace('PeterNeumann', '')}",
        f"{TEXT}\n{PETER_LINE.replace('— ', '- ')}",
        f"{TEXT}\n{PETER_LINE.replace('— ', '—')}",
        f"{TEXT}\n{PETER_LINE.replace('AM=', 'AN=')}",  # the same bytes, spelt otherwise
        f"{TEXT}\n{PETER_LINE.replace('AM=', 'AM')}",
        f"{TEXT}\n{PETER_LINE.replace('x08g', 'x08g ')}",
        f"{TEXT}\n{PETER_LINE.replace('go/Z', 'go_Z')}",
        f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
        f"{TEXT}\n{PETER_LINE}— PeterNeumann x08goA==\n— PeterNeumann\n",
        f"{TEXT}\n{PETER_LINE}— Other x08goA==\n\n",
        f"{TEXT}\n{PETER_LINE}— Other x08goA=\n",
        f"{TEXT}\n{PETER_LINE}— Other \n",
        f"{TEXT}\n{PETER_LINE}— Other x08goA==\n",  # an id alone
        f"{TEXT}\n{PETER_LINE * 101}",
        f"{'x' * note.LONGEST}\n\n{PETER_LINE}",
    ],
)
def test_malformed_notes(signed: str | bytes) -> None:
    """What is no note is refused as such, whoever signed."""
    found = outcome(signed, PETER)
    assert found is NoteError


def test_the_last_empty_line_divides() -> None:
    """A text may hold empty lines, even at its end, and what looks like signatures."""
    for text in ("\n", "a\n\nb\n", "a\n\n", f"{TEXT}\n{PETER_LINE}"):
        assert open_note(sign(text, [OURS]), [OURS.public, PETER]) == (text, (OURS.public,))


def test_sixteen_signatures_and_more() -> None:
    """A hundred signatures are read, more are neither read nor made."""
    keys = [SigningKey.generate("witness", bytes([number] * 32)) for number in range(101)]
    signed = sign(TEXT, keys[:100])
    assert open_note(signed, [key.public for key in keys])[1] == tuple(key.public for key in keys[:100])
    with pytest.raises(NoteError):
        sign(TEXT, keys)
    with pytest.raises(NoteError):
        sign(TEXT, [])


@pytest.mark.parametrize("text", ["", "no end", "a\rb\n", "\0\n", "\ud800\n", "x" * note.LONGEST + "\n"])
def test_texts_that_cannot_be_signed(text: str) -> None:
    """A text without its last newline, with control characters, halves of characters or too long is not signed."""
    with pytest.raises(NoteError):
        sign(text, [OURS])


def test_every_changed_byte() -> None:
    """A byte changed, dropped or put in leaves a note rejected, or says the same in the known key's name alone."""
    stranger = SigningKey.generate("stranger", bytes(32))
    text = "example.org/shop\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
    signed = sign(text, [stranger, OURS]).encode()
    begin = signed.index("— stranger".encode())
    end = signed.index("— example".encode())
    accepted = 0
    for at in range(len(signed) + 1):
        old = signed[at : at + 1]
        new = {bytes([old[0] ^ 1 << bit]) for bit in range(8)} if old else set()
        new |= {b"\n", b" ", b"+", b"=", b"\0", b"\xc3", b"A", b""} - {old}
        for byte in new:
            for changed in {signed[:at] + byte + signed[at + 1 :], signed[:at] + byte + signed[at:]} - {signed}:
                found = outcome(changed, OURS.public)
                if not isinstance(found, type):
                    assert found == (text, (OURS.public,))
                    assert begin <= at < end, "only the stranger's line may change"
                    accepted += 1
    assert accepted, "lines of unknown keys are not looked at"


def test_every_changed_byte_of_the_reference_note() -> None:
    """With one signature only, no changed byte is accepted at all: each of the 255 others in the line, each bit of the text."""
    signed = f"{TEXT}\n{PETER_LINE}".encode()
    for at, old in enumerate(signed):
        others = range(256) if at > len(TEXT) else [old ^ 1 << bit for bit in range(8)]
        for byte in others:
            if byte != old:
                assert isinstance(outcome(signed[:at] + bytes([byte]) + signed[at + 1 :], PETER), type)


_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)])
_NAMES = st.text(_CHARACTERS.filter(lambda c: not c.isspace() and c != "+"), min_size=1)


@given(
    st.lists(st.text(_CHARACTERS)),
    st.lists(st.tuples(_NAMES, st.binary(min_size=32, max_size=32)), min_size=1, max_size=3),
)
def test_notes_round_trip(lines: list[str], names: list[tuple[str, bytes]]) -> None:
    """Any text and keys come back as they were signed, and keys as they were written."""
    text, keys = "".join(f"{line}\n" for line in lines) or "\n", [SigningKey(*name) for name in names]
    opened, who = open_note(sign(text, keys), [key.public for key in keys])
    assert opened == text
    assert list(who) == list(dict.fromkeys(key.public for key in keys))
    for key in keys:
        assert SigningKey.parse(key.encode()) == key
        assert VerifyingKey.parse(f" {key.public.encode()}\n") == key.public


@given(st.one_of(st.text(), st.binary()))
def test_anything_else_is_no_note(data: str | bytes) -> None:
    """Random input is refused and never crashes."""
    assert outcome(data, PETER) is NoteError


@pytest.mark.parametrize("written", [PETER_PUBLIC, PETER_SECRET])
def test_mangled_keys(written: str) -> None:
    """No part of a key and no key with one character changed is a key."""
    kind = SigningKey if written.startswith("PRIVATE") else VerifyingKey
    parts = {written[begin:end] for end in range(len(written) + 1) for begin in range(end)} - {written}
    changed = {written[:at] + chr(ord(old) + 1) + written[at + 1 :] for at, old in enumerate(written)}
    for bad in parts | changed | {"", "++", "+" * 9, written.replace("c74f20a3", "C74F20A3"), written + "=", "\0"}:
        with pytest.raises(NoteError) as caught:
            kind.parse(bad)
        assert written[-44:] not in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # too long
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # another algorithm
        PETER_SECRET,
    ],
)
def test_keys_of_another_kind(written: str) -> None:
    """A key of another length or algorithm, or the private half, is not a verifying key."""
    with pytest.raises(NoteError):
        VerifyingKey.parse(written)


def test_the_private_half_given_away() -> None:
    """Whoever gives the private key where the public one is wanted is told so, and it is not repeated."""
    with pytest.raises(NoteError, match="private key") as caught:
        VerifyingKey.parse(PETER_SECRET)
    assert PETER_SECRET[-20:] not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\x85b", "a\u3000b", "\0", "\ud800"])
def test_names_that_are_none(name: str) -> None:
    """A key's name has no spaces of any script, no plus, no control characters, and is not empty."""
    with pytest.raises(NoteError):
        SigningKey.generate(name, bytes(32))
    with pytest.raises(NoteError):
        VerifyingKey(name, PETER.public)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length(size: int) -> None:
    """Seeds and public keys have 32 bytes."""
    with pytest.raises(NoteError):
        SigningKey.generate("x", bytes(size))
    with pytest.raises(NoteError):
        VerifyingKey("x", bytes([7] * size))


def test_keys_under_which_anybody_signs() -> None:
    """Points of small order, for which signatures can be made without a secret, are no keys, however they are spelt."""
    identity, prime = (1).to_bytes(32, "little"), 2**255 - 19
    forged = identity + bytes(32)
    fooled = 0
    for y in (*note._WEAK, prime, prime + 1):
        for sign_bit in (0, 1 << 255):
            point = (y | sign_bit).to_bytes(32, "little")
            for number in range(64):
                try:
                    Ed25519PublicKey.from_public_bytes(point).verify(forged, b"%d" % number)
                except Exception:  # noqa: BLE001, S112 - whatever the library says, it did not accept
                    continue
                fooled += 1
                break
            with pytest.raises(NoteError):
                VerifyingKey("weak", point)
    assert fooled >= len(note._WEAK), "each of these points lets somebody forge, so refusing them is of use"


def test_two_keys_that_cannot_be_told_apart() -> None:
    """Keys that collide in name and id are refused together; the same key twice is one."""
    twin = copy.copy(PETER)
    object.__setattr__(twin, "public", ENOCH.public)
    with pytest.raises(NoteError, match="two keys"):
        open_note(f"{TEXT}\n{PETER_LINE}", [PETER, twin])


def test_the_seed_is_never_shown() -> None:
    """Neither printing nor formatting a key shows its seed; keys survive being copied to another process."""
    key = SigningKey.generate("example.org", b"0123456789abcdef0123456789abcdef")
    for shown in (repr(key), str(key), f"{key}", repr([key]), repr(key.public)):
        assert "0123456789abcdef" not in shown
        assert base64.b64encode(key.seed).decode() not in shown
    assert pickle.loads(pickle.dumps(key)) == key  # noqa: S301 - our own bytes
    assert pickle.loads(pickle.dumps(key.public)) == key.public  # noqa: S301


def test_foreign_names_in_messages() -> None:
    """What strangers call themselves reaches no terminal as it is."""
    evil = SigningKey.generate("x\x9b2Jevil" + "y" * 500, bytes(32))
    with pytest.raises(UnsignedNoteError) as caught:
        open_note(sign(TEXT, [evil]), [PETER])
    assert "\x9b" not in str(caught.value)
    assert len(str(caught.value)) < 200
