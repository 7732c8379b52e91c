"""Numbers with their units."""


def images(count: int) -> str:
    """Return a number of images: "1 image", "2 images"."""
    return f"{count} image{'s' if count != 1 else ''}"


def duration(seconds: float) -> str:
    """Return seconds in words: "12 s", "3 min 20 s", "2 h 05 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: int) -> str:
    """Return a number of bytes: "12 bytes", "3.4 MB"."""
    from rich.filesize import decimal

    return decimal(count)
