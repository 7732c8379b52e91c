"""Batch processing: tasks in directories, what is left to do for each image, and doing it safely.

This package is a librarian: tasks, keys, files, processes. It holds no numerics, and prints nothing. Its rooms, in the
order in which an image passes through them; each imports only from those before it:

- ``components``: the stages, readers, exporters and executors to work with;
- ``tasks``: what is asked for, from ``task.json`` to tasks that are ready, and the keys of their results;
- ``storage``: what is there: results, journals, digests, locks;
- ``planning``: what is to be done for each image, and why;
- ``execution``: doing it, with workers, and telling what happens;
- ``results``: reading what was done;
- ``api``: all of that for Python, the command line included.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
