"""Where a root keeps what belongs to a task."""

from pathlib import Path

STORE = ".superdsm"


def journals_directory(root: Path) -> Path:
    """Return where the journals of all tasks are."""
    return root / STORE / "tasks"


def journal_directory(root: Path, task: str) -> Path:
    """Return where the journal and the lock of a task are."""
    return journals_directory(root) / (task if task != "." else "") / "@"


def parts_directory(root: Path, task: str) -> Path:
    """Return where the parts of tables are that are gathered for a whole task."""
    return journal_directory(root, task) / "tables"
