"""Globally optimal segmentation of cell nuclei with deformable shape models.

The public names stand in ``__init__.pyi``; each is imported when first used,
so that ``import superdsm`` is quick.
"""

from typing import Any

import lazy_loader

_public, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> Any:
    if name != "__version__":
        return _public(name)
    from importlib.metadata import version

    return globals().setdefault(name, version("superdsm"))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
