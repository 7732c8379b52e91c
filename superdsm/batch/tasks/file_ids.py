"""File ids, and the path patterns in which they stand."""

import glob
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from superdsm.errors import short

CONVERSION = re.compile(r"%(?:%|(0?\d*)([ds])|.?)", re.DOTALL)
FileId = int | str
MOST = 1_000_000  # file ids of a task: more are a slip of the pen, and would take hours to look for
WIDEST = 20  # digits of a number in a file name
SHOWN = 3  # names of files that are left out


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
        if len(match[1]) > len(str(WIDEST)) + 1 or int(match[1] or 0) > WIDEST:
            raise PatternError(f"{short(match[0])!r} is too wide; give at most {WIDEST} digits")
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


class Matches(NamedTuple):
    """What was found in the place of a conversion.

    Attributes
    ----------
    ids : tuple of int or str
        The file ids, sorted.
    left_out : tuple of str
        What is there as well, but is not what the conversion makes of a number.
    """

    ids: tuple[FileId, ...]
    left_out: tuple[str, ...] = ()

    def warning(self, pattern: str) -> str:
        """Return the warning about what is left out; "" if nothing is."""
        if not self.left_out:
            return ""
        conversion = next(match for match in CONVERSION.finditer(pattern) if match[0] != "%%")
        before, after = (
            part.replace("%%", "%") for part in (pattern[: conversion.start()], pattern[conversion.end() :])
        )
        names = [short(before.rpartition("/")[2] + text + after) for text in self.left_out]
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        numbers = all(text.isdigit() for text in self.left_out)
        return (
            f"{len(names)} of {len(names) + len(self.ids)} files that match are left out, because {conversion[0]} does "
            f"not stand for {'a number with so many digits' if numbers else 'their names'}: {shown}; "
            f"write %s in the place of {conversion[0]} for all of them"
        )


def match_files(pattern: str, wildcard: str) -> Matches:
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
    left_out: list[str] = []
    for text in texts:
        if conversion[2] == "s":
            ids.append(text)
        elif re.fullmatch("[0-9]{1,18}", text) and conversion[0] % int(text) == text:
            ids.append(int(text))
        else:
            left_out.append(text)
    if not ids and left_out:
        raise PatternError(
            f"{len(left_out)} files match, but {conversion[0]} does not stand for {left_out[0]!r}; write %s"
        )
    if not ids:
        raise PatternError(f"no file matches {prefix}{wildcard}{suffix}; check the path")
    return Matches(tuple(sorted(ids)) if conversion[2] == "d" else tuple(ids), tuple(left_out))
