"""The outputs of ``superdsm segment`` beside label image and overlay: those of any exporter."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.config import parse_json
from superdsm.errors import ConfigError, SuperDSMError, suggest
from superdsm.fields import SOURCE
from superdsm.records import ExportContext, Exporter

if TYPE_CHECKING:
    from superdsm.api import Result
    from superdsm.pipeline import Pipeline

OPTION = "--export-option"
MEASURE = "--measure-channel"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An exporter that is to write a file for each image.

    Attributes
    ----------
    exporter : Exporter
        The exporter.
    place : str
        The file, or the directory.
    options : mapping
        Values of its options.
    """

    exporter: Exporter
    place: str
    options: Mapping[str, Any]

    def write(
        self,
        path: Path,
        result: "Result",
        image: Path,
        pixel_size: tuple[float, float] | None,
        planes: Mapping[str, Any],
    ) -> None:
        """Write the file of an image; for errors see `superdsm.io.exporters.export`."""
        from superdsm.io.exporters import export

        context = ExportContext(
            image.stem,
            self.options,
            result.params.as_dict(),
            tuple(result.log),
            result.timings,
            pixel_size,
            planes if self.exporter.measures_channels else {},
            file=image.name,
        )
        export(self.exporter, path, result.fields, context)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--export",
        metavar="NAME=PATH",
        action="append",
        default=[],
        dest="exports",
        help="write a further file for each image, for instance geojson=outlines.geojson, rois=rois.zip, "
        "coco=coco.json, ome=labels.ome.tif, ctc=01_RES/, cfg=used.json; for several images a directory; repeatable",
    )
    parser.add_argument(
        OPTION,
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="export_options",
        help="set an option of the files of --export, for instance dilate=2; repeatable",
    )
    parser.add_argument(
        MEASURE,
        metavar="CHANNEL",
        action="append",
        default=[],
        dest="measured",
        help="with --export objects=PATH, measure this channel, too: an index from 0 or a name; repeatable",
    )


def wanted(args: argparse.Namespace, pipeline: "Pipeline") -> list[Wanted]:
    """Return what the arguments ask for.

    Raises
    ------
    SuperDSMError
        There is no such exporter or option, or the pipeline does not provide what it needs.
    """
    from superdsm.plugins import registry

    given = dict(_pair(OPTION, text) for text in args.export_options)
    values = {name: _value(text) for name, text in given.items()}
    provided = {SOURCE, *(name for stage in pipeline for name in stage.outputs)}
    found = []
    for text in args.exports:
        name, place = _pair("--export", text)
        exporter = registry().exporters.get(name)
        if exporter is None:
            known = sorted(registry().exporters)
            raise SuperDSMError(f"--export {text}: there is no exporter {name!r}{suggest(name, known)}; {_list(known)}")
        for alternatives in exporter.alternatives:
            if not provided.intersection(alternatives):
                raise SuperDSMError(
                    f"--export {text}: needs the field {' or '.join(alternatives)}, which the pipeline does not provide"
                )
        try:
            options = exporter.option_values(values)
        except ConfigError as exc:
            raise ConfigError(f"{OPTION} {exc}") from exc
        found.append(Wanted(exporter, place, options))
    if args.measured and not any(item.exporter.measures_channels for item in found):
        raise SuperDSMError(f"{MEASURE} {args.measured[0]}: goes into a table of objects; add --export objects=PATH")
    known = sorted({spec.name for item in found for spec in item.exporter.options})
    for name in given:
        if name not in known:
            raise SuperDSMError(f"{OPTION} {name}: no exporter has this option{suggest(name, known)}; {_list(known)}")
    return found


def files(images: list[Path], wanted: list[Wanted]) -> list[tuple[tuple[Wanted, Path], ...]]:
    """Return what is written of each image by exporters."""
    columns = []
    for item in wanted:
        exporter = item.exporter
        names = [exporter.named(image.stem, number) for number, image in enumerate(images)]
        what = f"files of the exporter {exporter.name!r}"
        columns.append([(item, path) for path in places(images, item.place, names, what, exporter.suffixes)])
    return [tuple(column[number] for column in columns) for number in range(len(images))]


def places(images: list[Path], place: str, names: list[str], what: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the file of each image: a place itself, or of these names in it."""
    from superdsm.io import check_suffix

    out = Path(place)
    if len(images) > 1 or out.is_dir() or place.endswith(("/", os.sep)):
        if not out.is_dir() and (out.exists() or out.name.lower().endswith(suffixes)):
            raise SuperDSMError(f"{out}: is the name of a file, but there are {len(images)} images; give a directory")
        return [out / name for name in names]
    check_suffix(out, suffixes, what)
    return [out]


def _pair(argument: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise SuperDSMError(f"{argument} {text}: give a name and a value, with = between them")
    return name.strip(), value.strip()


def _value(text: str) -> Any:
    try:
        return parse_json(text, "")
    except ConfigError:
        return text  # a string without quotes


def _list(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}" if names else "there is none"
