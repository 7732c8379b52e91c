"""``superdsm info``: what an image file holds, or what this installation is."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError
from superdsm.records import Command

if TYPE_CHECKING:
    import numpy.typing as npt

PUBLISHED_RADII = (35.0, 65.0)  # pixels; nuclei of 40 to 60 are what the published method was made for
UNSURE = 0.6  # spread of the radii
WIDTHS = {"avx512": 512, "avx2": 256, "sse2": 128, "neon": 128}  # of the registers, in bits
EXAMPLES = """\
examples:
  superdsm info                 versions, processor, plugins: for a bug report
  superdsm info nuclei.tif      format, channels, stacks, pixel size, intensities, which profile fits
  superdsm info my-root         the same as without an argument, and the file system of a directory"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("path", nargs="*", metavar="PATH", help="image files, or a directory (default: none)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print what is known of the images, or of the installation."""
    from superdsm.cli.segment_files import expanded

    paths = expanded(map(Path, args.path))
    failed = False
    records: list[dict[str, Any]] = []
    if not paths:
        records.append(installation())
    for path in paths:
        try:
            record = installation(path) if path.is_dir() else describe_image(path)
        except ImageError as exc:
            failed = True
            sys.stderr.write(f"superdsm: error: {exc}\n")
        else:
            records.append(record)
    if args.json:
        sys.stdout.write(json.dumps(records[0] if len(records) == 1 else records, indent=2) + "\n")
    elif records:
        sys.stdout.write("\n\n".join(map(_text, records)) + "\n")
    return 2 if failed else 0


def describe_image(path: Path) -> dict[str, Any]:
    """Describe an image file in JSON values.

    Raises
    ------
    ImageError
        It cannot be read.
    """
    from superdsm.io import Selection, open_image, read_image

    source = open_image(path)
    record: dict[str, Any] = {
        "file": str(path),
        "format": source.format,
        "holds": source.describe(),
        "type": source.dtype,
        "channels": list(source.channels),
        "pixel size": list(source.pixel_size) if source.pixel_size else None,
        "notes": list(source.notes),
    }
    first = {name: 0 for axis, name in source.choices.items() if source.sizes[axis] > 1}
    image = read_image(path, select=Selection(**first))
    record |= _intensities(image)
    if first:
        record["notes"].append(
            "intensities are those of the first plane; choose one with " + ", ".join(f"--{name}" for name in first)
        )
    return record | _fitting(image)


def _fitting(image: "npt.NDArray[Any]") -> dict[str, Any]:
    """Say what the nuclei look like, and which profile and settings fit; without segmenting them."""
    from superdsm.api import segment
    from superdsm.core.normalise import looks_bright_field
    from superdsm.summary import described

    found = segment(image, profile="adaptive", last="nucleus-size")
    nuclei, colour = found.fields["nuclei"], found.summary.get("colour")
    radius = nuclei["radius"]
    advice = []
    if looks_bright_field(found.fields["g_raw"]):
        advice.append(
            "adaptive with --set histological=true, for stained tissue in colour"
            if image.ndim > 2
            else "none: dark objects on bright ground; invert the image"
        )
    elif radius is None:
        advice.append("none: nothing stands out that could be nuclei")
    else:
        is_large = PUBLISHED_RADII[0] <= radius <= PUBLISHED_RADII[1] and not colour
        advice.append("adaptive; published, too, for nuclei of this size" if is_large else "adaptive")
        if nuclei["spread"] > UNSURE:
            advice.append("the radius is uncertain: look at an overlay, or give nucleus_radius")
    return {"nuclei": nuclei, "looks": "; ".join(described(found.summary)), "profile that fits": "; ".join(advice)}


def _intensities(image: "npt.NDArray[Any]") -> dict[str, Any]:
    import numpy as np

    low, median, high = (float(value) for value in (image.min(), np.median(image), image.max()))
    record: dict[str, Any] = {"intensities": {"min": low, "median": median, "max": high}}
    record["saturated"] = _saturated(image)
    return record


def _saturated(image: "npt.NDArray[Any]") -> float:
    """Return the part of the pixels that are as bright as the type admits, 0 for floats."""
    import numpy as np

    return float(np.mean(image == np.iinfo(image.dtype).max)) if image.dtype.kind in "ui" else 0.0


def installation(root: Path | None = None) -> dict[str, Any]:
    """Describe this installation in JSON values.

    Parameters
    ----------
    root : Path, optional
        A directory whose file system is of interest.
    """
    from superdsm import host
    from superdsm.api import instruction_set
    from superdsm.parallel import cpu_count
    from superdsm.plugins import registry

    kernels = instruction_set()
    record: dict[str, Any] = {
        **{f"version of {name}": version for name, version in host.versions().items()},
        "system": host.system(),
        "processor": host.cpu_name(),
        "memory": host.memory(),
        "cores to use": cpu_count(),
        "cores": os.cpu_count(),
        "instruction set": kernels,
        "width of registers": f"{WIDTHS[kernels]} bit" if kernels in WIDTHS else "unknown",
        "linear algebra": _blas(),
        "plugins": [f"{s.name} {s.version} ({s.status})" for s in registry().report] or ["none"],
    }
    if root is not None:
        record["file system"] = host.file_system(root) or "unknown"
    return record


def _blas() -> list[str]:
    """Return the libraries of linear algebra that are loaded, as in "openblas 0.3.30 (SkylakeX)"."""
    import numpy as np  # noqa: F401 - loads its own
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    found = [info for info in threadpool_info() if info["user_api"] == "blas"]
    texts = [f"{info['internal_api']} {info['version']} ({info.get('architecture', 'unknown')})" for info in found]
    return sorted(set(texts))


def _text(record: dict[str, Any]) -> str:
    lines = []
    width = max(map(len, record)) + 2
    for name, value in record.items():
        if name == "nuclei":
            text = ""  # "looks" says it in words
        elif isinstance(value, dict):
            text = ", ".join(f"{key} {item:g}" for key, item in value.items())
        elif name == "pixel size" and value:
            text = f"{value[0]:.6g} x {value[1]:.6g} µm"
        elif name == "saturated":
            text = f"{100 * value:.3g} % of the pixels" if value else ""
        else:
            text = "; ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
        if text:
            lines.append(f"{name + ':':<{width}}{text}")
    return "\n".join(lines)


COMMAND = Command("info", "Show what an image file holds, or what this installation is.", add_arguments, run)
