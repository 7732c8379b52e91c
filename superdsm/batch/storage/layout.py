"""Where things are in a root: everything but the outputs is in ``ROOT/.superdsm``."""

from pathlib import Path

STORE = ".superdsm"


def results_directory(root: Path) -> Path:
    """Return where the store of results is."""
    return root / STORE / "results"


def digests_file(root: Path) -> Path:
    """Return where the digests of the images are kept."""
    return root / STORE / "hashes.jsonl"


def journal_directory(root: Path, task: str) -> Path:
    """Return where the journal and the lock of a task are."""
    return root / STORE / "tasks" / (task if task != "." else "") / "@"


def progress_directory(root: Path) -> Path:
    """Return where running commands tell what they are doing."""
    return root / STORE / "run"
