"""``superdsm store``: what is kept in the store of a root, and what of it is damaged or not needed."""

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from superdsm.records import Command, ExitCode

if TYPE_CHECKING:
    from superdsm.batch.storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("root", metavar="ROOT", help="directory that was given to superdsm batch")
    parser.add_argument("--prune", action="store_true", help="remove what no task refers to, and what is damaged")
    parser.add_argument("--verify", action="store_true", help="read everything, and say what is damaged")


def run(args: argparse.Namespace) -> int:
    """Show, verify or prune."""
    from superdsm.batch.storage.layout import STORE, results_directory
    from superdsm.batch.storage.store import Store
    from superdsm.cli.batch.units import size
    from superdsm.errors import TaskError

    root = Path(args.root).absolute()
    if not root.is_dir():
        raise TaskError(f"{args.root}: is not a directory; give the directory with the tasks")
    if not (root / STORE).is_dir():
        _check_root(args.root, root)
    store = Store(results_directory(root))
    count = sum(1 for _ in store.keys())  # noqa: SIM118 - not a dict
    _say(f"{store.directory}: {count} results, {size(sum(path.stat().st_size for path in store.files()))}")
    damaged = _verify(store, count) if args.verify else set()
    if args.prune:
        _prune(args.root, store, damaged)
        return ExitCode.OK
    return ExitCode.PARTIAL if damaged else ExitCode.OK


def _say(text: str) -> None:
    print(text)  # noqa: T201 - the output of the command


def _check_root(given: str, root: Path) -> None:
    """Raise for a directory without results that is no root; a root with which nothing was run yet has no results."""
    from superdsm.batch.api import Batch
    from superdsm.batch.storage.layout import STORE
    from superdsm.errors import TaskError

    for above in root.parents:
        if (above / STORE).is_dir():
            raise TaskError(f"{given}: holds no results; those of its tasks may be in {above}: superdsm store {above}")
    Batch.open(given)  # raises where there is no task


def _verify(store: "Store", count: int) -> set[str]:
    """Return the keys of damaged entries, and print what is wrong with them."""
    damaged = set()
    for key, problem in store.damaged():
        damaged.add(key)
        _say(f"damaged: {problem}")
    _say(f"{len(damaged)} of {count} results are damaged" if damaged else "no damage found")
    return damaged


def _prune(root: str, store: "Store", damaged: Collection[str]) -> None:
    from superdsm.batch.api import Batch
    from superdsm.cli.batch.units import size
    from superdsm.errors import TaskError

    try:
        pruned = Batch.open(root).prune(damaged)
    except PermissionError as exc:
        raise TaskError(
            f"{exc.filename or store.directory}: cannot be changed ({exc.strerror}); let the owner of the files "
            "prune, or change their permissions"
        ) from exc
    more = f" and {pruned.leftovers} leftovers of interrupted processes" if pruned.leftovers else ""
    _say(f"removed {pruned.results} results{more}: {size(pruned.freed)} freed")


COMMAND = Command("store", "Show, verify or prune the stored results of a root.", add_arguments, run)
