"""What this package offers to superdsm."""

from collections.abc import Iterable
from functools import partial

from superdsm import Reader, hookimpl


@hookimpl
def superdsm_register_readers() -> Iterable[Reader]:
    """Offer a reader for each format; nothing of bioio is imported before a file is opened."""
    from superdsm_bioio.formats import FORMATS
    from superdsm_bioio.source import open_image, read_only_plane

    return [
        Reader(
            f"bioio-{one.name}",
            one.suffixes,
            partial(read_only_plane, file_format=one),
            open=partial(open_image, file_format=one),
        )
        for one in FORMATS
    ]
