"""Where things are in a root: everything but the outputs is in ``ROOT/.superdsm``."""

from pathlib import Path

from superdsm.batch.tasks.places import STORE, journal_directory, journals_directory

__all__ = [
    "STORE",
    "default_profile_file",
    "digests_file",
    "journal_directory",
    "journals_directory",
    "progress_directory",
    "results_directory",
    "tables_file",
]


def results_directory(root: Path) -> Path:
    """Return where the store of results is."""
    return root / STORE / "results"


def digests_file(root: Path) -> Path:
    """Return where the digests of the images are kept."""
    return root / STORE / "hashes.jsonl"


def default_profile_file(root: Path) -> Path:
    """Return where it stands which profile the tasks have that name none."""
    return root / STORE / "profile"


def tables_file(root: Path, task: str | None = None) -> Path:
    """Return where it stands what the gathered tables of a task, or of the root, were made of."""
    return (root / STORE if task is None else journal_directory(root, task)) / "tables.json"


def progress_directory(root: Path) -> Path:
    """Return where running commands tell what they are doing."""
    return root / STORE / "run"
