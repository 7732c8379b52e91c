"""``python -m tests.robustness.fuzz KIND COUNT [SEED] [DIRECTORY]``: damaged input by the thousand, in this process.

KIND is ``images``, ``trees``, ``settings`` or ``store``. An input has failed if it leads to anything but a result or a
one-line error, takes longer than some seconds, or more memory than the process is allowed. What has failed is kept in
the directory. The last line tells how many were tried, and how many have failed.
"""

import contextlib
import json
import logging
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from tests.robustness.mangling import ODD, mangled, odd, text_of

AXES = {"S": "scene", "T": "t", "C": "channel", "Z": "z"}
SECONDS = 10  # for one input
MEMORY = 3 << 30  # address space of the process, bytes


class TooLongError(Exception):
    """An input has taken too long."""


def limit() -> None:
    """Limit the memory of this process; say how long an input takes at most."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, stop)


Attack = Callable[[random.Random], None]


def images(directory: Path) -> Attack:
    """Files of all kinds that are read."""
    from superdsm.io import Selection, open_image, read_plane
    from tests.io.format_cases import KINDS

    seeds = [(kind.file, kind.data()) for kind in KINDS]
    seeds = [(name, data) for name, data in seeds if len(data) < 40_000]
    others = [data for _, data in seeds]

    def attack(rng: random.Random) -> None:
        name, data = rng.choice(seeds)
        path = directory / f"image{Path(name).suffix}"
        path.write_bytes(mangled(data, rng, others))
        source = open_image(path)
        chosen = {AXES[axis]: rng.randrange(size) for axis, size in source.sizes.items() if axis in AXES}
        read_plane(source, Selection(**chosen))

    return attack


def trees(directory: Path) -> Attack:
    """Directories of tasks."""
    from superdsm.batch import Batch

    (directory / "images").mkdir(exist_ok=True)
    for number in (1, 2, 10):
        (directory / "images" / f"{number}.png").write_bytes(b"no image")
    root = directory / "root"
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/../images/%d.png",
        "seg_pathpattern": "seg/%d.png",
        "overlay_pathpattern": "overlay/%d.png",
        "cfg_pathpattern": "cfg/%d.json",
        "file_ids": [1, 2, 10],
        "use": [],
        "without": ["postprocess"],
        "last_stage": "global-energy-minimization",
        "num_cpus": 2,
        "environ": {"OMP_NUM_THREADS": 2},
        "dilate": 1,
        "merge_overlap_threshold": 0.5,
        "config": {"profile": "published", "AF_scale": 30, "dsm": {"alpha": 0.5}, "preprocess": {"sigma1": 1.4}},
    }
    derived = {"runnable": True, "file_ids": "1-2", "config": {"AF_scale": 20}, "base_config_path": "../base.json"}

    def attack(rng: random.Random) -> None:
        shutil.rmtree(root, ignore_errors=True)
        (root / "below").mkdir(parents=True)
        broken = rng.randrange(3)
        contents = {"task.json": task, "below/task.json": derived, "base.json": {"dsm": {"alpha": 0.4}}}
        for place, (name, content) in enumerate(contents.items()):
            value = content
            for _ in range(rng.choice((1, 1, 2, 5)) if place == broken else 0):
                value = odd(value, rng)
            data = text_of(value, rng) if place == broken else json.dumps(value).encode()
            (root / name).write_bytes(data)
        Batch.open(root).plan()

    return attack


def settings(directory: Path) -> Attack:
    """Hyperparameters from files and from the command line."""
    from superdsm import default_pipeline
    from superdsm.cli.segment import read_config

    pipelines = [default_pipeline(profile) for profile in ("adaptive", "published")]
    names = sorted({name for pipeline in pipelines for stage in pipeline for name in stage.config_paths()})
    file = directory / "config.json"

    def attack(rng: random.Random) -> None:
        name = rng.choice([*names, "AF_scale", "pixel_size", "profile", "nucleus_radius"])
        if rng.random() < 0.2:
            name = "".join(rng.sample(name, len(name))) + rng.choice(("", "/", "//", "=", "\0", "\udce9"))
        value = rng.choice(ODD)
        written = value if isinstance(value, str) else json.dumps(value)
        if rng.random() < 0.3:
            written = "".join(rng.choice('[]{}",:0123456789eE.-+ntfa \0\u2028') for _ in range(rng.randrange(30)))
        if rng.random() < 0.02:
            written = rng.choice("[{1") * rng.choice((4000, 200_000))
        config, _ = read_config(None, [f"{name}={written}"])
        pipeline = rng.choice(pipelines)
        with contextlib.suppress(*_refusals()):
            pipeline.validate(config)
        namespace, _, key = rng.choice(names).partition("/")
        file.write_bytes(text_of(odd({namespace: {key: 3}, "AF_scale": 4}, rng), rng))
        config, _ = read_config(file, [])
        pipeline.validate(config)

    return attack


def store(directory: Path) -> Attack:
    """Results in a store, with checksums that are right: whoever can write there can make them."""
    import numpy as np

    from superdsm import Config, default_pipeline
    from superdsm.batch.execution.store_cache import StoreCache
    from superdsm.batch.storage.store import Entry, Store
    from superdsm.core.labels import label_image
    from superdsm.evaluation import Evaluation
    from superdsm.io.codecs import pack, unpack
    from superdsm.jsonable import digest_bytes

    image = _blobs()
    pipeline = default_pipeline("published")
    run = pipeline.run(image, {"AF_scale": 6})
    place = Store(directory / "store")
    keys = {stage.id: f"{number:040x}" for number, stage in enumerate(pipeline)}
    originals = {}
    for stage in pipeline:
        outputs = {name: run.fields[name] for name in stage.outputs}
        kinds = {name: stage.field(name).kind for name in stage.outputs}
        place.put(Entry(keys[stage.id], stage.id, {}, 0.1, [], []), outputs, kinds)
        paths = [directory / "store" / keys[stage.id][:2] / (keys[stage.id] + suffix) for suffix in (".json", ".npz")]
        originals[stage.id] = {path: path.read_bytes() for path in paths if path.exists()}

    class Cache(StoreCache):
        def __init__(self) -> None:
            self.loaded, self.damaged = [], []
            self._store = place
            self._stages = {stage.id: stage for stage in pipeline}
            self._keys = keys
            self._usable = set(keys)

        def put(self, run: Any) -> Any:
            return run

    def damage(stage_id: str, rng: random.Random) -> None:
        files = dict(originals[stage_id])
        described, *arrays = files
        content = json.loads(files[described].partition(b"\n")[2])
        if arrays and rng.random() < 0.7:
            content["arrays"] = change_arrays(arrays[0], files, rng)
        if not arrays or rng.random() < 0.5:
            content = odd(content, rng)
        text = json.dumps(content).encode()
        if rng.random() < 0.05:
            text = mangled(text, rng, [text])
        described.write_bytes(f"{digest_bytes(text)}\n".encode() + text + b"\n")

    def change_arrays(path: Path, files: dict[Path, bytes], rng: random.Random) -> dict[str, Any]:
        data = files[path]
        if rng.random() < 0.3:
            data = mangled(data, rng, [data])
        else:
            with np.load(path) as archive:
                names = list(archive)
            values = dict(unpack(data, names))
            for _ in range(rng.choice((1, 1, 2))):
                name = rng.choice(names)
                values[name] = changed_array(values[name], rng)
            data = pack(values)
        path.write_bytes(data)
        return {"size": len(data), "checksum": digest_bytes(data)}

    def changed_array(array: Any, rng: random.Random) -> Any:
        match rng.randrange(6):
            case 0:
                return array[: rng.randrange(len(array) + 1)] if array.ndim else array
            case 1:
                return array.astype(rng.choice(("int8", "int64", "float64", "bool", ">i4", "uint8", "U3")))
            case 2:
                return np.stack([array, array])
            case 3:
                return array.T
            case _:
                result = array.copy()
                if result.size and result.dtype.kind in "iufb":
                    result.ravel()[rng.randrange(result.size)] = (
                        rng.choice((0, 1, 3, 100)) if rng.random() < 0.7 else 127
                    )
                    if result.dtype.itemsize >= 4 and rng.random() < 0.7:
                        far = rng.choice((-1, -1000, 1000, 2**31 - 1, -(2**31)))
                        result.reshape(-1)[rng.randrange(result.size)] = far
                return result

    def attack(rng: random.Random) -> None:
        for files in originals.values():
            for path, data in files.items():
                path.write_bytes(data)
        for stage_id in rng.sample(list(keys), rng.choice((1, 1, 2))):
            damage(stage_id, rng)
        evaluation = Evaluation(
            pipeline, Config({"AF_scale": 6, "profile": "published"}), source=lambda: image, cache=Cache()
        )
        fields = evaluation.fields(["g_raw", rng.choice(["cover", "postprocessed_objects", "objects"])])
        g_raw, objects = fields.values()
        label_image(objects, g_raw.shape)
        list(evaluation.known())
        if rng.random() < 0.2:
            evaluation.ensure("global-energy-minimization")
            evaluation.field("clusters")

    return attack


def _blobs() -> Any:
    import numpy as np

    rows, columns = np.mgrid[:60, :80]
    blobs = [np.hypot(rows - r, columns - c) < 8 for r, c in ((15, 15), (20, 55), (44, 40), (44, 52))]
    noise = np.random.default_rng(0).integers(0, 20, (60, 80))
    return (noise + 150 * np.logical_or.reduce(blobs)).astype(np.uint8)


def _refusals() -> tuple[type[Exception], ...]:
    from superdsm.errors import SuperDSMError

    return (SuperDSMError,)


ATTACKS: dict[str, Callable[[Path], Attack]] = {
    "images": images,
    "trees": trees,
    "settings": settings,
    "store": store,
}


def inputs(directory: Path) -> Iterator[Path]:
    """Yield the files that are kept of an input that has failed."""
    yield from (path for path in directory.iterdir() if not path.name.startswith("failed-"))


def keep(directory: Path, number: int) -> None:
    """Keep an input that has failed."""
    place = directory / f"failed-{number}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for path in list(inputs(directory)):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, place / path.name)


def main(kind: str, count: int, seed: int, directory: Path) -> int:
    """Attack; return how many inputs have failed."""
    attack = ATTACKS[kind](directory)
    refusals = _refusals()
    limit()
    failed = refused = 0
    for number in range(count):
        signal.alarm(SECONDS)
        try:
            attack(random.Random(f"{kind} {seed} {number}"))
        except refusals as exc:
            refused += 1
            problem = "" if str(exc).strip() else f"it does not say what is wrong: {exc!r}"
        except MemoryError:
            refused += 1  # a header may announce more than there is
            problem = ""
        except BaseException:  # noqa: BLE001 - that is what is looked for
            problem = traceback.format_exc()
        else:
            problem = ""
        finally:
            signal.alarm(0)
        if problem:
            failed += 1
            keep(directory, number)
            sys.stdout.write(f"{kind} {seed} {number}: {problem}\n")
            sys.stdout.flush()
    peak = _peak() >> 20
    sys.stdout.write(f"{kind}: {count} tried, {failed} failed; {refused} were refused; peak of the memory {peak} MB\n")
    return failed


def _peak() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    os.environ["SUPERDSM_PLUGINS"] = ""
    chosen, number_of, *rest = sys.argv[1:]
    first = int(rest[0]) if rest else 0
    with contextlib.ExitStack() as stack:
        where = Path(rest[1]) if len(rest) > 1 else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        where.mkdir(parents=True, exist_ok=True)
        code = main(chosen, int(number_of), first, where)
    sys.exit(code > 0)
