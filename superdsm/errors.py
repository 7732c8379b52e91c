"""The errors of superdsm: each says in one line what is wrong and what to do."""


class SuperDSMError(Exception):
    """Base of all errors that a user can cause or mend; its text is one line without a traceback."""


class ConfigError(SuperDSMError):
    """A hyperparameter or a configuration file is wrong.

    Parameters
    ----------
    message : str
        What is wrong.
    *paths : str
        The hyperparameters that it is about, as ``namespace/name``, so that their place in a file can be told.
    """

    def __init__(self, message: str, *paths: str) -> None:
        super().__init__(message, *paths)
        self.message = message
        self.paths = paths

    def __str__(self) -> str:
        return self.message


class PipelineError(SuperDSMError):
    """Stages do not fit together."""


class MissingFieldError(PipelineError):
    """A stage needs a field that no earlier stage provides.

    Parameters
    ----------
    message : str
        What is wrong.
    field : str
        The field.
    """

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message, field)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return self.message


class StageError(SuperDSMError):
    """A stage failed on an image.

    Parameters
    ----------
    stage : str
        Id of the stage.
    message : str
        What happened.
    """

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(stage, message)
        self.stage = stage
        self.message = message

    def __str__(self) -> str:
        return f"stage {self.stage}: {self.message}"


class PluginError(SuperDSMError):
    """A plugin that is needed cannot be used."""


class TaskError(SuperDSMError):
    """A ``task.json`` is wrong, or a task cannot start."""


class ImageError(SuperDSMError):
    """An image cannot be read, or cannot be segmented as it is."""


class KernelsError(ImportError):
    """The compiled kernels cannot be used: nothing can be segmented, whatever the image. Its text is one line, too."""


LONGEST = 1000  # characters of a line


def one_line(error: BaseException) -> str:
    """Return kind and text of an error as one line of moderate length that can be shown, whatever the error is."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - anybody's code
        text = ""
    return printable(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def printable(text: str) -> str:
    """Return a text as one line of moderate length; what cannot be shown is escaped."""
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return escaped(" ".join(short.split()))


def escaped(text: str) -> str:
    """Return a text in which what cannot be shown, or would change the terminal, is escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def suggest(word: str, known: "list[str] | tuple[str, ...]") -> str:
    """Return `` (did you mean ...?)`` if one of `known` resembles `word`, else an empty string."""
    from difflib import get_close_matches

    matches = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def short(text: str, most: int = 80) -> str:
    """Return a text, or its beginning if it would not fit a line."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"
