"""The profile of the tasks of a tree that name none: it stays what it was when the tree was begun.

Another default in a later version of the program must not change the results of a tree silently.
"""

from pathlib import Path

from superdsm import profiles
from superdsm.batch.storage.atomic import write_atomic
from superdsm.batch.storage.layout import default_profile_file


def of_tree(root: Path) -> str:
    """Return the profile of the tasks in and below `root` that name none.

    Raises
    ------
    ConfigError
        The tree was begun with a profile that this version does not know.
    """
    path = default_profile_file(root)
    if path.is_file():
        return profiles.get(path.read_text(encoding="utf-8").strip()).name
    return profiles.UNNAMED_PROFILE


def remember(root: Path) -> None:
    """Keep the profile of a tree in mind.

    Raises
    ------
    OSError
        It cannot be written.
    """
    path = default_profile_file(root)
    if not path.exists():
        write_atomic(path, (of_tree(root) + "\n").encode())
