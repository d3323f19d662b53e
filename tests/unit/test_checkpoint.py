"""Checkpoints and manifests: what is read is what was signed, spelt in the one way there is."""

from __future__ import annotations

import pytest

from consent.proof import checkpoint, manifest, merkle
from consent.proof.checkpoint import Checkpoint
from consent.proof.errors import FormatError, NoteError, ProofError, UnsignedNoteError
from consent.proof.manifest import Manifest
from consent.proof.note import SigningKey, sign

TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNER = SigningKey.generate("PeterNeumann", bytes(32))
PETER = SIGNER.public
OURS = SigningKey.generate("example.org/shop", bytes(range(32)))
ROOT = bytes.fromhex("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
HEAD = Checkpoint("example.org/shop", 8, ROOT)


def test_checkpoints_round_trip() -> None:
    """A checkpoint is read as it was signed; its text is that of the specification."""
    assert HEAD.text == "example.org/shop\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
    assert checkpoint.read(checkpoint.sign(HEAD, [OURS]), [OURS.public, PETER]) == HEAD
    empty = Checkpoint("example.org/shop", 0, merkle.EMPTY_ROOT)
    assert checkpoint.read(checkpoint.sign(empty, [OURS]).encode(), [OURS.public]) == empty


def test_the_specifications_example() -> None:
    """The example of C2SP tlog-checkpoint is read, and extension lines come back as they were."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = Checkpoint.parse(text)
    assert (found.origin, found.size, found.text) == ("example.com/behind-the-sofa", 20852163, text)
    longer = Checkpoint.parse(f"{text}one more\nand another\n")
    assert longer.extensions == ("one more", "and another")
    assert longer.text == f"{text}one more\nand another\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "\n",
        lambda text: "\n" + text,
        lambda text: text + "x",
        lambda text: text + "\nx\n",
        lambda text: text.replace("\n8\n", "\n08\n"),
        lambda text: text.replace("\n8\n", "\n+8\n"),
        lambda text: text.replace("\n8\n", "\n-8\n"),
        lambda text: text.replace("\n8\n", "\n 8\n"),
        lambda text: text.replace("\n8\n", "\n8_0\n"),
        lambda text: text.replace("\n8\n", "\n٨\n"),
        lambda text: text.replace("\n8\n", "\n\n"),
        lambda text: text.replace("\n8\n", "\n0\n"),
        lambda text: text.replace("\n8\n", f"\n{2**63}\n"),
        lambda text: text.replace("\n8\n", f"\n{'9' * 5000}\n"),
        lambda text: text.replace("g=\n", "h=\n"),
        lambda text: text.replace("g=\n", "g\n"),
        lambda text: text.replace("g=\n", "gA==\n"),
        lambda text: text.replace("=", ""),
        lambda text: text.split("\n")[0] + "\n8\nAA==\n",
        lambda text: text.split("\n")[0] + "\n8\n!\n",
        lambda text: text.split("\n")[0] + "\n8\né\n",
        lambda _: "",
    ],
)
def test_checkpoints_that_are_none(change: object) -> None:
    """A size has one spelling and a bound, a root one spelling and 32 bytes, and no line is empty."""
    with pytest.raises(FormatError):
        Checkpoint.parse(change(HEAD.text))  # type: ignore[operator]


def test_checkpoints_that_cannot_be() -> None:
    """No checkpoint has an origin of two lines, a negative size, or another root over nothing."""
    for wrong in (
        ("a\nb", 8, ROOT),
        ("", 8, ROOT),
        ("a", -1, ROOT),
        ("a", 8, ROOT[1:]),
        ("a", 0, ROOT),
        ("a", 8, ROOT, ("",)),
    ):
        with pytest.raises(FormatError):
            Checkpoint(*wrong)


def test_a_log_signs_for_itself() -> None:
    """A checkpoint is made and accepted under a key that is named as the log is, whoever else signs too."""
    with pytest.raises(UnsignedNoteError):
        checkpoint.sign(HEAD, [SIGNER])
    with pytest.raises(UnsignedNoteError, match="PeterNeumann"):
        checkpoint.read(sign(HEAD.text, [SIGNER]), [PETER])
    with pytest.raises(FormatError):
        checkpoint.read(sign(TEXT, [SIGNER]), [PETER])
    assert checkpoint.read(checkpoint.sign(HEAD, [SIGNER, OURS]), [OURS.public]) == HEAD


def counted(**changes: object) -> Manifest:
    """A manifest with some fields changed."""
    values = {"bytes": 9, "leaves": 3, "lines": 5, "records": 2, "size": 8, "unsequenced": 1}
    return Manifest(**{"origin": "example.org/shop", "root": ROOT.hex(), "sha256": "0" * 64, **values, **changes})  # type: ignore[arg-type]


def test_manifests_round_trip() -> None:
    """A manifest is read as it was signed, under a text that is no checkpoint's."""
    signed = manifest.sign(counted(), [OURS])
    assert manifest.read(signed, [OURS.public]) == (counted(), ())
    assert signed.startswith(
        'example.org/shop\nconsentry-manifest/1\n{"bytes":9,"leaves":3,"lines":5,"records":2,'
        f'"root":"{ROOT.hex()}","sha256":"{"0" * 64}","size":8,"unsequenced":1}}\n\n— example.org/shop '
    )
    with pytest.raises(FormatError):
        checkpoint.read(signed, [OURS.public])
    with pytest.raises(FormatError):
        manifest.read(checkpoint.sign(HEAD, [OURS]), [OURS.public])
    with pytest.raises(UnsignedNoteError):
        manifest.sign(counted(), [SIGNER])
    with pytest.raises(UnsignedNoteError):
        manifest.read(signed, [PETER])
    for others in ([SIGNER], [OURS, SIGNER]):
        with pytest.raises(NoteError, match="with a signature in the name of 'PeterNeumann'"):
            manifest.read(sign(counted().text, others), [PETER, OURS.public])


@pytest.mark.parametrize(
    "change", [{"size": -1}, {"lines": True}, {"bytes": 1.0}, {"root": "x"}, {"sha256": None}, {"origin": "a\nb"}]
)
def test_manifests_that_cannot_be(change: dict[str, object]) -> None:
    """Counts are whole numbers from 0, hashes 64 hexadecimal digits, the origin is one line."""
    with pytest.raises(FormatError):
        counted(**change)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"size":8', '"size":08'),
        ('"size":8', '"size": 8'),
        (',"size":8', ""),
        ('"size":8', '"size":8,"sixe":8'),
        ("/1\n", "/2\n"),
        ("}\n", "}\n\n"),
        ("}\n", "}\nx"),
        ("}\n", "}"),
    ],
)
def test_manifests_that_are_none(old: str, new: str) -> None:
    """A manifest has one spelling."""
    assert old in counted().text
    with pytest.raises(ProofError):
        Manifest.parse(counted().text.replace(old, new))
