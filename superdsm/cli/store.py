"""``superdsm store``: what is kept in the store of a root, and what of it is damaged or not needed."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from superdsm.records import Command

if TYPE_CHECKING:
    from superdsm.batch.planning.planner import Planner
    from superdsm.batch.storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("root", metavar="ROOT", help="directory that was given to superdsm batch")
    parser.add_argument("--prune", action="store_true", help="remove what no task refers to, and what is damaged")
    parser.add_argument("--verify", action="store_true", help="read everything, and say what is damaged")


def run(args: argparse.Namespace) -> int:
    """Show, verify or prune."""
    from superdsm.batch.storage.store import Store
    from superdsm.batch.tasks.tree import STORE
    from superdsm.errors import TaskError

    root = Path(args.root).absolute()
    if not root.is_dir():
        raise TaskError(f"{args.root}: is not a directory; give the directory with the tasks")
    if not (root / STORE).is_dir():
        _check_root(args.root, root)
    store = Store(root / STORE / "results")
    keys = list(store.keys())
    size = sum(path.stat().st_size for path in store.files())
    print(f"{store.directory}: {len(keys)} results, {_size(size)}")  # noqa: T201 - the output of the command
    damaged = _verify(store, keys) if args.verify else []
    if args.prune:
        try:
            _prune(args.root, store, damaged)
        except PermissionError as exc:
            raise TaskError(
                f"{exc.filename or store.directory}: cannot be changed ({exc.strerror}); let the owner of the files "
                "prune, or change their permissions"
            ) from exc
        return 0
    return 1 if damaged else 0


def _check_root(given: str, root: Path) -> None:
    """Raise for a directory without results that is no root; a root with which nothing was run yet has no results."""
    from superdsm.batch.components import installed
    from superdsm.batch.tasks.tree import STORE, discover
    from superdsm.errors import TaskError

    for above in root.parents:
        if (above / STORE).is_dir():
            raise TaskError(f"{given}: holds no results; those of its tasks may be in {above}: superdsm store {above}")
    discover(given, installed())  # raises where there is no task


def _verify(store: "Store", keys: list[str]) -> list[str]:
    """Return the keys of damaged entries, and print what is wrong with them."""
    from superdsm.batch.storage.store import DamagedError

    damaged = []
    for key in keys:
        try:
            store.verify(key)
        except DamagedError as exc:
            damaged.append(key)
            print(f"damaged: {exc}")  # noqa: T201
    print(f"{len(damaged)} of {len(keys)} results are damaged" if damaged else "no damage found")  # noqa: T201
    return damaged


def _prune(root: str, store: "Store", damaged: list[str]) -> None:
    from superdsm.batch.components import installed
    from superdsm.batch.planning.planner import Planner, PlanOptions
    from superdsm.batch.storage.lock import Lock, allow_files
    from superdsm.batch.tasks.prepare import Preparer, state_directory
    from superdsm.batch.tasks.tree import discover
    from superdsm.errors import TaskError

    tools = installed()
    tree = discover(root, tools)
    if tree.problems:
        raise TaskError("\n".join(str(error) for _, error in tree.problems))
    tasks = tree.select()
    allow_files(len(tasks))
    planner = Planner(tree, tools, PlanOptions())
    preparer = Preparer(tree, tools)
    with contextlib.ExitStack() as stack:
        for task in tasks:
            lock = Lock(state_directory(tree.root, task.name) / "lock", task.name)
            lock.acquire()
            stack.callback(lock.release)
        wanted: set[str] = set()
        for task in tasks:
            wanted |= _wanted(planner, preparer, task.name)
        _remove(store, wanted, damaged)


def _wanted(planner: "Planner", preparer: "object", name: str) -> set[str]:
    """Return the keys that a task refers to."""
    from superdsm.batch.tasks.prepare import Preparer

    assert isinstance(preparer, Preparer)
    setup = preparer.prepare(next(task for task in planner.tree.tasks if task.name == name))
    plan = planner.plan(setup)
    images = {image.image for image in plan.images} | {record.image for record in plan.state.records()}
    return {key for image in images if image for key in setup.recipe.keys(image)}


def _remove(store: "Store", wanted: set[str], damaged: list[str]) -> None:
    gone = [key for key in store.keys() if key not in wanted or key in set(damaged)]  # noqa: SIM118 - not a dict
    freed = sum(store.remove(key) for key in gone)
    leftovers = store.leftovers()
    for path in leftovers:
        freed += path.stat().st_size
        path.unlink()
    more = f" and {len(leftovers)} leftovers of interrupted processes" if leftovers else ""
    print(f"removed {len(gone)} results{more}: {_size(freed)} freed")  # noqa: T201


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


COMMAND = Command("store", "Show, verify or prune the stored results of a root.", add_arguments, run)
