"""superdsm in napari: segment the current layer, correct objects by clicks, and save that to a task.

`superdsm_napari.session` holds what is known and said of an image, and needs neither Qt nor napari; `layers` says what
napari shows of it; `widget` is the widget.
"""

__version__ = "1.0.0"
