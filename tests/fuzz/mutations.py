"""Damage to files: of their values (numbers, texts, lists, tags), of their bytes and binary numbers."""

from __future__ import annotations

import json
import random
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

NASTY: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 255, 256, 65_536, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30,
    10**400, 0.5, -0.0, 1e-320, 1e308, -1e308, 1.7976931348623157e308, float("nan"), float("inf"), float("-inf"),
    "", " ", "0", "1e999", "nan", "-", "a" * 70_000, "\0", "../../etc/passwd", "C:\\x\\y.jpg", "/a.jpg", "é\u202e😀",
    "<script>", "&lt;", "%00", "a.jpg", [], {}, [[]], [0], [[0, 0]], [[0, 0], [1, 1]], {"": None}, [None], [[[[[]]]]],
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(rb"[A-Za-z_][A-Za-z_0-9]*")
_TOKENS = (
    b"0", b"-1", b"1", b"3", b"1e308", b"-1e308", b"nan", b"inf", b"1e999", b"99999999999999999999", b"4294967296",
    b"2147483647", b"0.5", b"", b"x", b"\xff", b"\x00", b"&#0;", b"&amp;", b"1,5", b"1 2 3",
)  # fmt: skip
_PNG = b"\x89PNG\r\n\x1a\n"
_INTEGERS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """A file with one to four faults.

    Args:
        data: A sound file, or one that was damaged before.
        rng: Where the chance comes from.
    """
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        ways: list[Callable[[bytes, random.Random], bytes]] = [_tokens, _tokens, _spans, _bytes]
        if data[:1] in (b"{", b"["):
            ways += [_json] * 6
        elif b"\0" in data[:64]:
            ways = [_bytes, _spans, _numbers, _numbers]
        data = rng.choice(ways)(data, rng)[:300_000]
    return _with_checksums(data) if data[:8] == _PNG and rng.random() < 0.8 else data


def _json(data: bytes, rng: random.Random) -> bytes:
    """Another value, a lost or doubled entry, an exchanged key: anywhere in a JSON tree."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return _tokens(data, rng)
    places: list[tuple[Any, Any]] = []
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, (dict, list)):
            entries = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
            places += [(node, key) for key, _ in entries]
            stack += [value for _, value in entries]
    if not places:
        return json.dumps(rng.choice(NASTY)).encode("utf-8", "surrogatepass")
    node, key = rng.choice(places)
    what = rng.randrange(6)
    if what == 0:
        del node[key]
    elif what == 1 and isinstance(node, list):
        node += node[key : key + 1] * rng.choice((1, 2, 50))
    elif what == 2:
        other, name = rng.choice(places)
        node[key] = json.loads(json.dumps(other.get(name) if isinstance(other, dict) else _at(other, name)))
    elif what == 3 and isinstance(node, dict):
        node[rng.choice([*map(str, NASTY[:12]), key + "x"])] = node.pop(key)
    else:
        node[key] = rng.choice(NASTY)
    try:
        return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return data


def _at(node: list[Any], index: int) -> Any:
    return node[index] if index < len(node) else None


def _tokens(data: bytes, rng: random.Random) -> bytes:
    """Another number or word."""
    found = list((_NUMBER if rng.random() < 0.7 else _WORD).finditer(data))
    if not found:
        return data + rng.choice(_TOKENS)
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(_TOKENS) + data[match.end() :]


def _spans(data: bytes, rng: random.Random) -> bytes:
    """A piece lost, doubled, or moved."""
    if not data:
        return b"\n"
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    b = min(b, a + rng.choice((1, 4, 30, 300, 10_000)))
    piece = data[a:b]
    return rng.choice(
        (data[:a] + data[b:], data[:b] + piece * rng.choice((1, 3, 100)) + data[b:], data[:a], piece)
    )


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """Single bytes changed."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _numbers(data: bytes, rng: random.Random) -> bytes:
    """A binary number, of 1 to 8 bytes in either order, exchanged; most often near the beginning."""
    width = rng.choice((1, 2, 2, 4, 4, 8))
    reach = min(len(data), rng.choice((64, 300, len(data)))) - width
    if reach <= 0:
        return _bytes(data, rng)
    at = rng.randrange(reach)
    number = rng.choice(_INTEGERS) % 256**width
    return data[:at] + number.to_bytes(width, rng.choice(("big", "little"))) + data[at + width :]


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose chunks have right checksums, so that damage is not found by these alone."""
    out, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(out)
