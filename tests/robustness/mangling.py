"""Bytes and JSON that differ from what they were in some place."""

import json
import random
from typing import Any

INTERESTING = (0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 254, 255)
ODD = (
    *(None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, -1e308, float("nan"), float("inf"), 10**30, 2**63, 10**400),
    *(
        "",
        " ",
        "\0",
        "a/b",
        "..",
        "/",
        "~nobody/x",
        "{ROOTDIR}",
        "%d",
        "%99999999999d",
        "%s%s",
        "%",
        "caf\udce9",
        "a" * 5000,
    ),
    *("\n", "1-", "5-1", "1-999999999999", "*", "[", "../../../../etc/passwd", "-1", "1e400", "nan", "[1", '{"a": 1'),
    *([], {}, [[]], [None], {"": ""}, {"glob": "*"}, {"glob": "["}, [1, "1", 1.0], {"a": {"b": {"c": {}}}}, ["a\0b"]),
)


def mangled(data: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """Return damaged bytes: bits and bytes that are changed, cut out, doubled, moved, or of another file."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not result:
            break
        at, span = rng.randrange(len(result)), rng.choice((1, 2, 4, 8, 64, 1024))
        match rng.randrange(9):
            case 0 | 1:
                result[at] ^= 1 << rng.randrange(8)
            case 2 | 3:
                result[at] = rng.choice(INTERESTING)
            case 4:
                size = rng.choice((2, 4, 8))
                value = rng.choice((0, 1, -1, 2**15, 2**31 - 1, 2**31, len(result), rng.getrandbits(63)))
                result[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, rng.choice(("little", "big")))
            case 5:
                del result[at : at + span]
            case 6:
                result[at:at] = result[at : at + span] if rng.random() < 0.5 else rng.randbytes(span)
            case 7:
                del result[at:]
            case _:
                other = rng.choice(others)
                start = rng.randrange(len(other) or 1)
                result[at : at + span] = other[start : start + span]
    return bytes(result)


def odd(value: Any, rng: random.Random, depth: int = 0) -> Any:
    """Return JSON that differs from a value somewhere."""
    if depth > 6 or not isinstance(value, (dict, list)) or not value or rng.random() < 0.15:
        return rng.choice(ODD)
    if isinstance(value, dict):
        result = dict(value)
        key = rng.choice(list(result))
        match rng.randrange(5):
            case 0:
                del result[key]
            case 1:
                result[str(rng.choice(ODD))[:50]] = result[key]
            case _:
                result[key] = odd(result[key], rng, depth + 1)
        return result
    items = list(value)
    at = rng.randrange(len(items))
    match rng.randrange(5):
        case 0:
            del items[at]
        case 1:
            items.insert(at, rng.choice(ODD))
        case _:
            items[at] = odd(items[at], rng, depth + 1)
    return items


def text_of(value: Any, rng: random.Random) -> bytes:
    """Return JSON as a file of it, now and then damaged."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.05:
        text = "[" * rng.choice((10, 5000, 100_000)) + text
    data = text.encode("utf-8", "surrogatepass")
    return mangled(data, rng, [data, b'{"a": 1, "a": 2}']) if rng.random() < 0.3 else data
