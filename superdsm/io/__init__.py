"""Arrays and files: images in, label images and pictures out, exporters, and the codecs of stored results."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
