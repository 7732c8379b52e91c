"""File ids, and the path patterns in which they stand."""

import glob
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

CONVERSION = re.compile(r"%(?:%|(0?\d*)([ds])|.?)", re.DOTALL)
FileId = int | str
MOST = 1_000_000  # file ids of a task: more are a slip of the pen, and would take hours to look for


class PatternError(ValueError):
    """A pattern, or file ids that do not go with it; the text says what is wrong."""


def conversions(pattern: str) -> list[str]:
    """Return the conversions of a pattern: ``d`` and ``s``.

    Raises
    ------
    PatternError
        A ``%`` begins none of %d, %03d (any width), %s and %%.
    """
    kinds = []
    for match in CONVERSION.finditer(pattern):
        if match[0] == "%%":
            continue
        if not match[2]:
            raise PatternError(f"{match[0]!r} is no conversion; write %d, %03d or %s for the file id, %% for a percent")
        kinds.append(match[2])
    return kinds


def expand(pattern: str, file_id: FileId) -> str:
    """Return a pattern with the file id in the place of its conversions.

    Raises
    ------
    PatternError
        The id is a string, but the pattern needs a number.
    """

    def text(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if match[2] == "d" and not isinstance(file_id, int):
            raise PatternError(f"{match[0]} stands for an integer, but the file id {file_id!r} is a string; write %s")
        return match[0] % file_id

    return CONVERSION.sub(text, pattern)


def check_pattern(pattern: str, file_ids: Sequence[FileId]) -> None:
    """Check that a pattern gives each file id a file of its own.

    Raises
    ------
    PatternError
        It does not.
    """
    kinds = conversions(pattern)
    if not kinds and len(file_ids) > 1:
        raise PatternError(f"{pattern!r} is the same file for all {len(file_ids)} file ids; add %d or %s for the id")
    if "d" in kinds:
        for file_id in file_ids:
            if not isinstance(file_id, int):
                expand(pattern, file_id)
    elif any(isinstance(file_id, str) and _is_number(file_id) for file_id in file_ids):
        texts = [str(file_id) for file_id in file_ids]
        if len(set(texts)) < len(texts):
            raise PatternError("an integer and a string among the file ids give the same file; remove one of them")


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


def parse_ranges(text: str) -> tuple[int, ...]:
    """Return the ids of a text like ``"1-10,12"``.

    Raises
    ------
    PatternError
        The text is something else, or stands for more ids than a task can have.
    """
    ranges: list[range] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", part)
        if match is None:
            raise PatternError(f"{text!r} is no list of ranges; write it like '1-10,12'")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise PatternError(f"the range {part.strip()!r} runs backwards; write {last}-{first}")
        ranges.append(range(first, last + 1))
    count = sum(map(len, ranges))
    if count > MOST:
        raise PatternError(
            f"{text!r} stands for {count:,} file ids, but a task has at most {MOST:,}; check the numbers, "
            'or write {"glob": "*"} for the files that are there'
        )
    return tuple(itertools.chain.from_iterable(ranges))


def match_files(pattern: str, wildcard: str) -> tuple[FileId, ...]:
    """Return the ids of the files that match `wildcard` in the place of the conversion of `pattern`, sorted.

    Raises
    ------
    PatternError
        The pattern has no conversion or several, or no file matches.
    """
    matches = [match for match in CONVERSION.finditer(pattern) if match[0] != "%%"]
    if len(conversions(pattern)) != 1:
        raise PatternError(f"{pattern!r} needs exactly one %d or %s in whose place the files are looked for")
    conversion = matches[0]
    prefix = pattern[: conversion.start()].replace("%%", "%")
    suffix = pattern[conversion.end() :].replace("%%", "%")
    found = glob.glob(glob.escape(prefix) + wildcard + glob.escape(suffix), recursive=True)  # noqa: PTH207 - keeps the prefix
    texts = sorted(
        path[len(prefix) : len(path) - len(suffix)].replace(os.sep, "/") for path in found if Path(path).is_file()
    )
    ids: list[FileId] = []
    for text in texts:
        if conversion[2] == "s":
            ids.append(text)
        elif text.isdigit() and conversion[0] % int(text) == text:
            ids.append(int(text))
    if not ids:
        raise PatternError(f"no file matches {prefix}{wildcard}{suffix}; check the path")
    return tuple(sorted(ids)) if conversion[2] == "d" else tuple(ids)
