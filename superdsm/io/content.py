"""What the first bytes of a file say about it, and the errors of files that are not what they should be."""

from pathlib import Path

from superdsm.errors import ImageError

DAMAGED = "copy it from its source once more"
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"BM", "BMP"),
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
)
FORMATS = ("PNG", "TIFF", "JPEG", "BMP")  # that can be read


def describe_shape(shape: tuple[int, ...]) -> str:
    """Return a shape as in "512 x 512"."""
    return " x ".join(map(str, shape))


def one_line(exc: BaseException) -> str:
    """Describe an exception of a library in one line."""
    text = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    return " ".join(text.split())[:200] or type(exc).__name__


def format_of(path: Path) -> str:
    """Return the format of a file by its first bytes, for instance "PNG"; "" if that is unknown."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((name for signature, name in SIGNATURES if head.startswith(signature)), "")


def content(path: Path) -> str:
    """Say what a file holds, judging by its first bytes; "" if that is unknown."""
    name = format_of(path)
    if name:
        return f"a {name} file"
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "an empty file"
    text = head.decode("utf-8", errors="replace").rstrip("\ufffd")
    return "a text file" if all(char.isprintable() or char.isspace() for char in text) else ""


def not_an_image(path: Path, name: str) -> ImageError:
    """Return the error of a file that is of none of the formats that can be read, although its suffix says `name`."""
    return ImageError(f"{path}: is {content(path) or 'something else'}, not a {name} image; {DAMAGED}, or convert it")


def damaged(path: Path, detail: object) -> ImageError:
    """Return the error of a file that is not whole."""
    return ImageError(f"{path}: is truncated or damaged ({' '.join(str(detail).split())[:200]}); {DAMAGED}")


def no_pixels(path: Path, shape: tuple[int, ...]) -> ImageError:
    """Return the error of an image with a side of length 0."""
    return ImageError(f"{path}: has no pixels ({describe_shape(shape)}); remove it from the images")
