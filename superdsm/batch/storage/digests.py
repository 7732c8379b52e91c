"""Digests of files: of their content, with size and time of modification as the fast path."""

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

DIGEST = re.compile("[0-9a-f]{40}")
SETTLED = 2_000_000_000  # nanoseconds: within them a file may be changed twice without another time of modification
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file at some time: the digest of its content, and what a look into its directory tells."""

    digest: str
    size: int
    mtime_ns: int
    inode: int


def file_digest(path: str | Path) -> str:
    """Return the hex digest (160 bit) of the content of a file."""
    state = hashlib.blake2b(digest_size=20)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a hundred thousand times, without making a Path
        while chunk := file.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()


class DigestCache:
    """Remembers the digests of files.

    A digest is trusted as long as size, time of modification and inode are the same, and if the file was not changed
    just before it was hashed. The cache is a file of JSON lines to which lines are added; a line that a crash cut off
    is passed over, and costs no more than hashing a file again.

    Parameters
    ----------
    path : Path
        The file of the cache.

    Attributes
    ----------
    problem : str
        Why the file could not be written.
    trust : bool
        Whether what earlier commands have found counts. Otherwise each file is hashed once more.
    announce : callable
        Is told how many files are about to be hashed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self.trust = True
        self.announce: Callable[[int], None] = lambda count: None
        self._known: dict[str, tuple[str, int, int, int]] = {}
        self._new: list[str] = []
        self._hashed: set[str] = set()
        self._loaded = 0
        self._load()

    def _load(self) -> None:
        try:
            file = self.path.open(encoding="utf-8", errors="replace")  # a cache: what is damaged is hashed anew
        except OSError:
            return
        with file:
            for line in file:
                self._loaded += 1
                with contextlib.suppress(ValueError, TypeError, OverflowError, RecursionError):
                    path, digest, size, mtime_ns, inode = json.loads(line)
                    if isinstance(path, str) and DIGEST.fullmatch(digest):
                        self._known[path] = (digest, int(size), int(mtime_ns), int(inode))

    def get(self, path: str) -> Fingerprint:
        """Return the fingerprint of a file.

        Raises
        ------
        OSError
            The file cannot be read.
        """
        known = self.lookup(path)
        if known is not None:
            return known
        while True:
            before = os.stat(path)  # noqa: PTH116
            digest = file_digest(path)
            after = os.stat(path)  # noqa: PTH116
            if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
                break
        found = Fingerprint(digest, after.st_size, after.st_mtime_ns, after.st_ino)
        self._known[path] = (found.digest, found.size, found.mtime_ns, found.inode)
        self._hashed.add(path)
        if time.time_ns() - found.mtime_ns > SETTLED:
            self._new.append(json.dumps([path, found.digest, found.size, found.mtime_ns, found.inode]))
        return found

    def lookup(self, path: str) -> Fingerprint | None:
        """Return the fingerprint of a file if it is known without reading the file.

        Raises
        ------
        OSError
            There is no such file.
        """
        stat = os.stat(path)  # noqa: PTH116
        known = self._known.get(path) if self.trust or path in self._hashed else None
        if known is not None and known[1:] == (stat.st_size, stat.st_mtime_ns, stat.st_ino):
            return Fingerprint(*known)
        return None

    def forget(self, path: str) -> None:
        """Let a file be hashed the next time: its content is another one, although it looks the same from outside."""
        self._known.pop(path, None)
        self._hashed.discard(path)
        self._new.append(json.dumps([path, 40 * "0", -1, -1, -1]))

    def warm(self, paths: Iterable[str]) -> None:
        """Hash those of some files that are not known, several at a time."""
        unknown = []
        for path in paths:
            with contextlib.suppress(OSError):  # whoever asks for the file gets the error
                if self.lookup(path) is None:
                    unknown.append(path)
        if len(unknown) < 2:
            return
        self.announce(len(unknown))

        def hash_one(path: str) -> None:
            with contextlib.suppress(OSError):
                self.get(path)

        # Where no thread can be started, each file is hashed when it is asked for.
        with contextlib.suppress(RuntimeError), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for _ in pool.map(hash_one, unknown):
                pass

    def save(self) -> None:
        """Add what is new to the file; where that cannot be done, `problem` says why."""
        if not self._new:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._loaded > 2 * len(self._known) + 1000:
                self._rewrite()
            else:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write("\n" + "\n".join(self._new) + "\n")
        except OSError as exc:
            self.problem = f"{self.path}: cannot be written ({exc.strerror}); the images will be hashed again next time"
        self._new.clear()

    def _rewrite(self) -> None:
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps([path, *known]) + "\n" for path, known in self._known.items())
        temporary.replace(self.path)
