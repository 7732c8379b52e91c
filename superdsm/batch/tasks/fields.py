"""The fields of a ``task.json``: one table of their names, what is wrong with a value, defaults and meanings."""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from superdsm.batch.components import Components
from superdsm.batch.tasks.json_source import kind
from superdsm.config import PIXEL_SIZE as PIXEL_SIZE_NAME
from superdsm.errors import ConfigError, short, suggest
from superdsm.io.columns import TEXT, column_type
from superdsm.lengths import pixel_size
from superdsm.params import Param
from superdsm.records import Exporter

Check = Callable[[Any], str]
SUFFIX = "_pathpattern"
TABLE_SUFFIXES = (".csv", ".parquet")
COLUMN_NAMINGS = ("superdsm", "cytominer")
RESERVED_COLUMNS = ("task", "file_id", "status", "label", "reason", "atoms", "flags", "remarks")


@dataclass(frozen=True, slots=True)
class TaskField:
    """A field that a task may have.

    Attributes
    ----------
    name : str
        Its key in the ``task.json``.
    check : callable
        Returns what is wrong with a value, or an empty string.
    doc : str
        What it means, for the user (Markdown).
    default : object
        Its value where neither the task nor a parent gives one.
    inherited : bool
        Whether derived tasks have it, too.
    """

    name: str
    check: Check
    doc: str
    default: Any = None
    inherited: bool = True


def _is(expected: str, *types: type) -> Check:
    def check(value: Any) -> str:
        good = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        return "" if good else f"is {kind(value)}; expected: {expected}"

    return check


def _positive(value: Any) -> str:
    return _is("a positive integer", int)(value) or ("" if value > 0 else f"is {value}; expected: a positive integer")


def _pattern(value: Any) -> str:
    return _is("a path with %d or %s for the file id", str)(value) or ("" if value else "is empty; give a path")


def _output(value: Any) -> str:
    return "" if value is None else _pattern(value)


def _environ(value: Any) -> str:
    if problem := _is("an object with environment variables", dict)(value):
        return problem
    size = sum(len(os.fsencode(f"{name}={item}")) + PER_VARIABLE for name, item in os.environ.items())
    for name, item in value.items():
        if not isinstance(item, (str, int, float)):
            return f"gives {name} {kind(item)}; expected: a string or a number"
        if not name or "=" in name:
            return f"has a variable {short(name)!r}, which is no name that the system takes"
        length = len(os.fsencode(f"{name}={item}"))
        if length > LONGEST_VARIABLE:
            return f"gives {short(name)} a value of {length:,} bytes; the system takes {LONGEST_VARIABLE:,}"
        size += length + PER_VARIABLE
    if size > _environment_limit():
        return f"and the environment are {size:,} bytes together, and the system takes {_environment_limit():,}"
    return ""


LONGEST_VARIABLE = 32_000 if os.name == "nt" else 131_000  # bytes, with the name; the system takes a little more
PER_VARIABLE = 9  # bytes: a pointer, and the end of the text


def _environment_limit() -> int:
    """Return how many bytes of environment a process can be started with, its arguments left room."""
    if hasattr(os, "sysconf") and "SC_ARG_MAX" in os.sysconf_names:
        limit = os.sysconf("SC_ARG_MAX")
        return (limit if limit > 0 else 1 << 20) - (1 << 16)
    return 1 << 20


def unusable(value: Any) -> str:
    """Return what is wrong with a value that holds a text which no file, variable or name can have; "" if none does."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if problem := _unusable_text(item):
                return problem
        elif isinstance(item, dict):
            pending += [*item, *item.values()]
        elif isinstance(item, list):
            pending += item
    return ""


def _unusable_text(text: str) -> str:
    if "\0" in text:
        return f"holds the text {short(text)!r} with a NUL character, which the system refuses; remove it"
    if not text.isascii():
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            return f"holds the text {short(text)!r} with half a character, which the system refuses; correct it"
    return ""


def _file_ids(value: Any) -> str:
    if isinstance(value, dict):
        known = set(value) == {"glob"} and isinstance(value["glob"], str)
        return "" if known else 'is an object that is not of the form {"glob": "*.tif"}'
    if problem := _is('a list of integers or strings, a text like "1-10,12", or {"glob": "*.tif"}', list, str)(value):
        return problem
    for item in value if isinstance(value, list) else ():
        if isinstance(item, bool) or not isinstance(item, (int, str)):
            return f"holds {kind(item)}; expected: integers or strings"
    return ""


def _names(value: Any) -> str:
    if problem := _is("a list of names", list)(value):
        return problem
    return "" if all(isinstance(item, str) for item in value) else "holds something else than names"


def _pixel_size(value: Any) -> str:
    try:
        pixel_size({PIXEL_SIZE_NAME: value})
    except ConfigError as exc:
        return str(exc).removeprefix(PIXEL_SIZE_NAME).strip()
    return ""


def _channels(value: Any) -> str:
    if problem := _is("a list of names or indices of channels", list)(value):
        return problem
    for item in value:
        if isinstance(item, bool) or not isinstance(item, (int, str)) or item == "":
            return f"holds {kind(item)}; expected: names or indices of channels"
    return "" if len(set(map(str, value))) == len(value) else "names a channel twice; remove one of them"


def _tables(value: Any) -> str:
    if problem := _is('a list of files, for instance ["objects.csv"]', list)(value):
        return problem
    for item in value:
        if not isinstance(item, str) or not item.endswith(TABLE_SUFFIXES):
            return f"holds {item!r}; expected: names of tables that end in {' or '.join(TABLE_SUFFIXES)}"
    return ""


def _regex(value: Any) -> str:
    if value is None:
        return ""
    if problem := _is("a regular expression with named groups", str)(value):
        return problem
    try:
        names = re.compile(value).groupindex
    except (re.error, OverflowError, RecursionError) as exc:
        return f"is no regular expression ({exc})"
    taken = [name for name in names if name in RESERVED_COLUMNS or column_type(name) != TEXT]
    if taken:
        return f"has a group {taken[0]!r}, which is a column of its own; choose another name"
    return "" if names else "has no named group; write it like (?P<well>[A-H][0-9]{2})"


def _column_names(value: Any) -> str:
    return "" if value in COLUMN_NAMINGS else f"is {value!r}; expected: {' or '.join(map(repr, COLUMN_NAMINGS))}"


def _option(spec: Param) -> Check:
    def check(value: Any) -> str:
        try:
            spec.check(value, spec.name)
        except ConfigError as exc:
            return str(exc).removeprefix(spec.name).strip()
        return ""

    return check


RUNNABLE = TaskField(
    "runnable",
    _is("true or false", bool),
    "true: the task runs. Otherwise it is a template for derived tasks.",
    default=False,
    inherited=False,
)
ROOT = TaskField(
    "root",
    _is("true or false", bool),
    "true: a tree of tasks of its own begins here, see below.",
    default=False,
    inherited=False,
)
IMAGES = TaskField(
    "img" + SUFFIX,
    _pattern,
    "The input images, relative to the working directory or absolute; `%d`, `%03d` or `%s` stands for the file id. "
    "Needed.",
)
FILE_IDS = TaskField(
    "file_ids",
    _file_ids,
    'A list of integers or strings (`/` is allowed), a text like `"1-10,12"` (at most a million ids), or '
    '`{"glob": "*"}`: the files that match in the place of the conversion. Needed.',
)
CONFIG = TaskField(
    "config", _is("an object with hyperparameters", dict), "Hyperparameters, namespaces as nested objects.", default={}
)
BASE_CONFIG = TaskField(
    "base_config_path", _pattern, "A JSON file with hyperparameters, absolute or relative to the `task.json`."
)
LAST_STAGE = TaskField("last_stage", _is("the id of a stage, or null", str, type(None)), "Stop after this stage.")
USE = TaskField(
    "use",
    _names,
    'Stages to use; paths like `"./stages.py:Denoise"` are relative to the `task.json` that has the field.',
    default=(),
)
WITHOUT = TaskField("without", _names, "Stages to leave out.", default=())
NUM_CPUS = TaskField(
    "num_cpus", _positive, "Number of workers; `--jobs` overrides it; by default as many as there are cores."
)
CHANNEL = TaskField(
    "channel",
    _is("the name or the index of a channel, or null", str, int, type(None)),
    "Which channel of the images to segment: an index from 0, a name, or `red`, `green`, `blue`; see "
    "[formats](formats.md).",
)
Z = TaskField(
    "z",
    _is("an index, a range, a projection, or null", str, int, type(None)),
    'Which z plane: an index from 0, a range `"2-5"`, or `"max"`, `"mean"`, `"best-focus"`.',
)
TIME = TaskField("t", _is("an index, or null", int, type(None)), "Which time point: an index from 0.")
SCENE = TaskField("scene", _is("an index, or null", int, type(None)), "Which scene of a file: an index from 0.")
PIXEL_SIZE = TaskField(
    PIXEL_SIZE_NAME,
    _pixel_size,
    'Width of a pixel in micrometres, or as in `"650 nm"`, in place of what the files say. It turns lengths such as '
    '`"5 um"` into pixels, and goes into label TIFFs and tables.',
)
MEASURE_CHANNELS = TaskField(
    "measure_channels",
    _channels,
    "Further channels of the images that are measured in the masks of the objects, by names or indices; they have "
    "columns of their own in the tables of objects.",
    default=(),
)
REPORT = TaskField(
    "report",
    _is("true or false", bool),
    "true: a run ends with the [report](report.md) of the whole root.",
    default=False,
)
TABLES = TaskField(
    "tables",
    _tables,
    "Tables of the whole task, in its directory: `objects.csv` (a row for each object, with measurements) and "
    "`discarded.csv` (a row for each discarded object, with the reason); with `.parquet` if pyarrow is installed. See "
    "[tables](tables.md).",
    default=(),
)
IMAGE_COLUMNS = TaskField(
    "image_columns",
    _regex,
    "A regular expression that is searched in the paths of the images; its named groups become columns of the tables, "
    "as in `(?P<plate>[^/]+)/(?P<well>[A-H][0-9]+)_s(?P<site>[0-9]+)`.",
)
COLUMN_NAMES = TaskField(
    "column_names",
    _column_names,
    "Names of the columns of these tables: `superdsm`, or `cytominer` (`Metadata_Well`, `Nuclei_AreaShape_Area`, ...).",
    default="superdsm",
)
SCHEMA = TaskField(
    "$schema", _is("a text", str), "The JSON Schema of this file, for editors; see `superdsm schema`.", inherited=False
)
ENVIRON = TaskField("environ", _environ, "Environment variables, set before the workers import anything.", default={})
FIXED = (
    *(RUNNABLE, IMAGES, FILE_IDS, CONFIG, BASE_CONFIG, LAST_STAGE),
    *(CHANNEL, Z, TIME, SCENE, PIXEL_SIZE, MEASURE_CHANNELS, TABLES, IMAGE_COLUMNS, COLUMN_NAMES),
    *(USE, WITHOUT, NUM_CPUS, ENVIRON, REPORT, ROOT, SCHEMA),
)


def pattern_field(exporter: Exporter) -> TaskField:
    """Return the field with which a task asks for the files of an exporter."""
    return TaskField(exporter.name + SUFFIX, _output, exporter.doc)


def task_fields(components: Components) -> dict[str, TaskField]:
    """Return all fields that a task may have, by name: the fixed ones, and those of the exporters."""
    known = {field.name: field for field in FIXED}
    for exporter in components.exporters.values():
        pattern = pattern_field(exporter)
        known[pattern.name] = pattern
        for option in exporter.options:
            known.setdefault(option.name, TaskField(option.name, _option(option), option.doc, option.default))
    return known


def unknown(name: str, known: Iterable[str]) -> str:
    """Return the warning for a field that is none."""
    return f"unknown field {short(name)!r}{suggest(short(name), list(known))}; it is ignored"
