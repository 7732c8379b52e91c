"""What gathered tables were made of, so that they are only written again when something of it changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.storage.digests import file_digest


class MadeOf:
    """Remembers of tables what they were made of, and what they were when they were written.

    Parameters
    ----------
    path : Path
        The file (JSON) in which that stands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, dict[str, Any]] = {}
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # damaged: the tables are written again
            return
        if isinstance(data, dict):
            self._known = {name: entry for name, entry in data.items() if isinstance(entry, dict)}

    def is_current(self, table: Path, source: Callable[[], str], quick: str) -> bool:
        """Return whether a table is there, unchanged, and made of what there is.

        Parameters
        ----------
        table : Path
            The table.
        source : callable
            Returns the digest of all that it is made of.
        quick : str
            As long as this is the same, `source` is not asked.
        """
        known = self._known.get(table.name, {})
        if known.get("quick") != quick and known.get("source") != source():
            return False
        try:
            stat = table.stat()
            if stat.st_size != known.get("size"):
                return False
            return stat.st_mtime_ns == known.get("mtime_ns") or file_digest(table) == known.get("digest")
        except OSError:
            return False

    def digest(self, table: Path) -> str:
        """Return the digest of a table as it was written; "" if that is not known."""
        return str(self._known.get(table.name, {}).get("digest", ""))

    def update(self, table: Path, source: Callable[[], str], quick: str, write: Callable[[Path], None]) -> None:
        """Write a table unless it is current; see `is_current`.

        Raises
        ------
        OSError
            It cannot be written.
        """
        if not self.is_current(table, source, quick):
            write(table)
            stat = table.stat()
            self._known[table.name] = {
                "source": source(),
                "quick": quick,
                "digest": file_digest(table),
                "size": stat.st_size,
                "mtime_ns": stat.st_mtime_ns,
            }
        elif self._known[table.name].get("quick") != quick:
            self._known[table.name]["quick"] = quick
        else:
            return
        write_atomic(self.path, (json.dumps(self._known, indent=1) + "\n").encode())
