"""For authors of plugins, and for our own tests: check a stage, make synthetic images, load a plugin in a test.

``pytest_plugins = ["superdsm.testing.fixtures"]`` in a ``conftest.py`` gives the fixtures of that module.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
