"""Corrections by hand in a task: a file ``corrections/ID.json`` in its directory for each image that has some."""

import re
from pathlib import Path

from superdsm.batch.tasks.file_ids import FileId
from superdsm.corrections import Corrections, CorrectionsError
from superdsm.jsonable import digest_bytes
from superdsm.writing import replacing

FOLDER = "corrections"
LONGEST = 120  # bytes of a name; of a longer file id there is a digest
NONE = Corrections()
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.-]|^\.|^-")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names that Windows does not allow


def file_name(file_id: FileId) -> str:
    """Return the name of the file for an image, which is one on any system: what is not safe is ``%XX``."""
    data = str(file_id).encode("utf-8", "surrogatepass")
    name = _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], data).decode("ascii")
    if _RESERVED.fullmatch(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 17]}-{digest_bytes(data)[:16]}"
    return f"{name}.json"


def corrections_file(directory: Path, file_id: FileId) -> Path:
    """Return the file with the corrections of an image.

    Parameters
    ----------
    directory : Path
        That of the task.
    file_id : int or str
        The image.
    """
    return directory / FOLDER / file_name(file_id)


def read_corrections(directory: Path, file_id: FileId) -> Corrections:
    """Return the corrections of an image; empty ones if there is no file.

    Raises
    ------
    CorrectionsError
        Something is wrong with the file; one line that names it.
    """
    path = corrections_file(directory, file_id)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return NONE
    except OSError as exc:
        raise CorrectionsError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise CorrectionsError(f"{path}: is not a UTF-8 text file") from exc
    return Corrections.parse(text, str(path), file_id)


def write_corrections(directory: Path, file_id: FileId, corrections: Corrections) -> Path:
    """Write the corrections of an image, all or nothing; without any, the file is removed. Return its path.

    Raises
    ------
    OSError
        That is not possible.
    """
    path = corrections_file(directory, file_id)
    if corrections:
        with replacing(path) as temporary:
            temporary.write_text(corrections.text(file_id), encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    return path
