"""The widget: segment the current layer, correct objects by clicks, step through the images of a task."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from superdsm.corrections import ACTIONS
from superdsm.errors import SuperDSMError
from superdsm.profiles import DEFAULT_PROFILE, PROFILES
from superdsm.summary import described
from superdsm_napari.layers import LABELS, PREFIX, layers
from superdsm_napari.session import CLICKS, Cancelled, Session, TaskImages, config_of, settings, tasks_of

if TYPE_CHECKING:
    import napari

CLICKED = f"{PREFIX}clicks"
IMAGE = f"{PREFIX}image"


def _same(first: Any, second: Any) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


class _Signals(QObject):
    """What a worker thread tells."""

    progress = Signal(str, int, int)


class SegmentWidget(QWidget):
    """Segment nuclei, and correct them by hand.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: "napari.Viewer") -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.session: Session | None = None
        self.images: TaskImages | None = None
        self.action = ""
        self.worker: Any = None
        self._cancelled = threading.Event()
        self._source: Any = None  # layer and channel that the session is about
        self._signals = _Signals()
        self._signals.progress.connect(self._show_progress)
        self._build()
        self._profile_changed()
        self.viewer.mouse_drag_callbacks.append(self._clicked)

    # --- what one sees ---

    def _build(self) -> None:
        self.setLayout(QVBoxLayout())
        self.profile = QComboBox()
        self.profile.addItems(list(PROFILES))
        self.profile.setCurrentText(DEFAULT_PROFILE)
        self.profile.currentTextChanged.connect(self._profile_changed)
        self.channel = QLineEdit()
        self.channel.setPlaceholderText("all")
        self.channel.setToolTip("Index of the channel on the last axis, from 0; empty: all of them")
        self.form = QFormLayout()
        self.form.addRow("profile", self.profile)
        self.form.addRow("channel", self.channel)
        self.values: dict[str, QLineEdit] = {}
        box = QGroupBox("Segment the current layer")
        box.setLayout(self.form)
        self.layout().addWidget(box)
        self.run_button = self._button("Segment", self.segment)
        self.cancel_button = self._button("Cancel", self.cancel)
        self.cancel_button.setEnabled(False)
        self._row(self.run_button, self.cancel_button)
        self.bar = QProgressBar()
        self.layout().addWidget(self.bar)
        self._build_corrections()
        self._build_task()
        self.status = QLabel("")
        self.status.setWordWrap(True)
        self.layout().addWidget(self.status)
        self.layout().addStretch()

    def _build_corrections(self) -> None:
        self.actions: dict[str, QPushButton] = {}
        for name, action in ACTIONS.items():
            button = self._button(name.capitalize(), lambda _=False, name=name: self.choose(name))
            button.setCheckable(True)
            clicks = f"{CLICKS[name]} click{'s' if CLICKS[name] > 1 else ''}"
            button.setToolTip(f"{action.doc} ({clicks} on the image)")
            self.actions[name] = button
        self.undo_button = self._button("Undo", self.undo)
        self._row(*self.actions.values(), title="Correct")
        self._row(self.undo_button)

    def _build_task(self) -> None:
        self.open_button = self._button("Open root...", self.ask_for_root)
        self.tasks = QComboBox()
        self.tasks.activated.connect(lambda _: self.open_task(self._root, self.tasks.currentText()))
        self.previous_button = self._button("Previous", lambda _=False: self.step(-1))
        self.next_button = self._button("Next", lambda _=False: self.step(1))
        self.save_button = self._button("Save to the task", self.save)
        self._row(self.open_button, self.tasks, title="Task")
        self._row(self.previous_button, self.next_button, self.save_button)
        for button in (self.previous_button, self.next_button, self.save_button):
            button.setEnabled(False)
        self._root = ""

    def _button(self, text: str, function: Callable[..., Any]) -> QPushButton:
        button = QPushButton(text)
        button.clicked.connect(lambda checked=False: self._guarded(function))
        return button

    def _row(self, *widgets: QWidget, title: str = "") -> None:
        row = QHBoxLayout()
        if title:
            row.addWidget(QLabel(title))
        for widget in widgets:
            row.addWidget(widget)
        self.layout().addLayout(row)

    def _guarded(self, function: Callable[..., Any]) -> None:
        try:
            function()
        except SuperDSMError as exc:
            self.tell(str(exc))

    def tell(self, text: str) -> None:
        """Show a line."""
        self.status.setText(text)

    def _profile_changed(self) -> None:
        for editor in self.values.values():
            self.form.removeRow(editor)
        self.values = {}
        for setting in settings(self.profile.currentText()):
            editor = QLineEdit()
            editor.setPlaceholderText(setting.default)
            editor.setToolTip(f"{setting.path}: {setting.doc}")
            self.values[setting.path] = editor
            self.form.addRow(setting.path.rpartition("/")[2], editor)

    # --- segmenting ---

    def segment(self) -> None:
        """Segment the current image layer, or the image of the task."""
        if self.images is None or self.session is None:
            layer = self._image_layer()
            if layer is None:
                self.tell("there is no image layer; open an image first")
                return
            image = self._plane(layer)
            values = {path: editor.text() for path, editor in self.values.items()}
            config = config_of(self.profile.currentText(), values)
            self.session = Session(image, config, name=layer.name)
        self._start()

    def _image_layer(self) -> Any:
        from napari.layers import Image

        chosen = self.viewer.layers.selection.active
        images = [layer for layer in self.viewer.layers if isinstance(layer, Image)]
        return chosen if isinstance(chosen, Image) else (images[-1] if images else None)

    def _plane(self, layer: Any) -> Any:
        """Return the plane of a layer that is looked at."""
        data, rgb = layer.data, getattr(layer, "rgb", False)
        data = data[0] if getattr(layer, "multiscale", False) else data
        axes = data.ndim - (3 if rgb else 2)
        text = self.channel.text().strip()
        if text and not text.isdecimal():
            raise SuperDSMError(f"channel {text!r}: give the index of the channel, from 0")
        if text and rgb:
            if int(text) >= data.shape[-1]:
                raise SuperDSMError(f"channel {text}: the layer has {data.shape[-1]} channels")
            return np.asarray(data[..., int(text)])
        step = list(self.viewer.dims.current_step[-layer.ndim :][:axes])
        if text and axes:
            if int(text) >= data.shape[0]:
                raise SuperDSMError(f"channel {text}: the layer has {data.shape[0]} channels")
            step[0] = int(text)
        return np.asarray(data[tuple(step)])

    def _start(self) -> None:
        """Run what has to be run in a thread; one at a time."""
        if self.worker is not None or self.session is None:
            return
        self._cancelled.clear()
        self.run_button.setEnabled(False)
        self.cancel_button.setEnabled(True)
        session, told = self.session, self._signals.progress.emit
        worker = create_worker(session.run, told, self._cancelled, _start_thread=False, _ignore_errors=True)
        worker.returned.connect(self._done)
        worker.errored.connect(self._failed)
        worker.finished.connect(self._finished)
        self.worker = worker
        worker.start()

    def cancel(self) -> None:
        """Stop before the next stage."""
        self._cancelled.set()
        self.tell("stops before the next stage")

    def _show_progress(self, stage: str, number: int, count: int) -> None:
        self.bar.setMaximum(count)
        self.bar.setValue(number)
        self.bar.setFormat(f"{stage} (%v of %m)")

    def _done(self, result: Any) -> None:
        self.bar.setValue(self.bar.maximum())
        self.bar.setFormat("done")
        self.show_result(result)
        summary = self.session.summary if self.session is not None else result.summary
        facts = ", ".join([f"{len(result.objects)} objects", *described(summary), *result.warnings])
        self.tell(f"{self.images.described()}\n{facts}" if self.images is not None else facts)

    def _failed(self, exc: BaseException) -> None:
        self.bar.setFormat("")
        if isinstance(exc, Cancelled):
            self.tell("cancelled")
            return
        if self.session is not None and self.session.result is not None and self.session.undo():
            self.tell(f"{exc} (taken back)")
            return
        self.tell(str(exc))
        if not isinstance(exc, SuperDSMError):
            raise exc

    def _finished(self) -> None:
        self.worker = None
        self.run_button.setEnabled(True)
        self.cancel_button.setEnabled(False)
        self._show_clicks([])

    def show_result(self, result: Any) -> None:
        """Show the layers of a result in the place of those of an earlier one."""
        found = layers(result)
        wanted = {item.name for item in found}
        for layer in list(self.viewer.layers):
            if layer.name.startswith(PREFIX) and layer.name not in (*wanted, IMAGE, CLICKED):
                self.viewer.layers.remove(layer)
        for item in found:
            if item.name in self.viewer.layers:
                layer = self.viewer.layers[item.name]
                if item.kind == "labels" and layer.data.shape == item.data.shape and "features" not in item.options:
                    layer.data = item.data
                    continue
                if item.kind == "shapes" and _same(layer.data, item.data):
                    continue
                visible = layer.visible
                self.viewer.layers.remove(layer)
                self._add(item).visible = visible
            else:
                self._add(item)
        self.viewer.layers.selection.active = self.viewer.layers[LABELS]

    def _add(self, item: Any) -> Any:
        add = {"labels": self.viewer.add_labels, "shapes": self.viewer.add_shapes}[item.kind]
        return add(item.data, name=item.name, **item.options)

    # --- correcting ---

    def choose(self, action: str) -> None:
        """Choose what the next clicks mean; the same one again: nothing."""
        self.action = "" if action == self.action else action
        for name, button in self.actions.items():
            button.setChecked(name == self.action)
        self._show_clicks([])
        self.tell(f"{self.action}: click {CLICKS[self.action]} times on the image" if self.action else "")

    def _clicked(self, viewer: Any, event: Any) -> None:
        if self.action and self.session is not None and self.worker is None and event.button == 1:
            self.click(tuple(event.position)[-2:])

    def click(self, point: tuple[float, float]) -> None:
        """Take a click for the action that was chosen; run the correction when it was the last one that is needed."""
        if self.session is None or self.session.result is None:
            self.tell("segment the image first")
            return
        points = [*self._clicks(), point]
        self._show_clicks(points)
        if len(points) < CLICKS[self.action]:
            return
        self.session.add(self.action, points)
        self._start()

    def _clicks(self) -> list[tuple[float, float]]:
        if CLICKED not in self.viewer.layers:
            return []
        return [tuple(point[-2:]) for point in self.viewer.layers[CLICKED].data.tolist()]

    def _show_clicks(self, points: list[tuple[float, float]]) -> None:
        if CLICKED in self.viewer.layers:
            self.viewer.layers[CLICKED].data = np.array(points, float).reshape(-1, 2)
        elif points:
            active = self.viewer.layers.selection.active
            self.viewer.add_points(np.array(points, float), name=CLICKED, size=5, face_color="#ffb000")
            self.viewer.layers.selection.active = active

    def undo(self) -> None:
        """Take the last correction back."""
        if self.session is not None and self.session.undo():
            self._start()
        else:
            self.tell("there is no correction to take back")

    # --- tasks ---

    def ask_for_root(self) -> None:
        """Ask for the directory of a batch."""
        root = QFileDialog.getExistingDirectory(self, "Directory that was given to superdsm batch")
        if root:
            self.open_root(root)

    def open_root(self, root: str) -> None:
        """Open the first task of a batch."""
        self._root = root
        self.tasks.clear()
        self.tasks.addItems(list(tasks_of(root)))
        self.open_task(root, self.tasks.currentText() or ".")

    def open_task(self, root: str, task: str) -> None:
        """Open a task at the image that should be looked at first."""
        self._root = root
        self.images = TaskImages.open(root, task)
        for button in (self.previous_button, self.next_button, self.save_button):
            button.setEnabled(True)
        self._look()

    def step(self, by: int) -> None:
        """Go to another image of the task; corrections that were not saved keep one here."""
        if self.images is None or self.worker is not None:
            return
        if self.session is not None and not self.session.is_saved:
            self.tell("the corrections of this image are not saved: save them, or undo them, then go on")
            return
        self.images.step(by)
        self._look()

    def _look(self) -> None:
        assert self.images is not None
        self.session = None
        for layer in [layer for layer in self.viewer.layers if layer.name.startswith(PREFIX)]:
            self.viewer.layers.remove(layer)
        self.tell(self.images.described())
        self.session = self.images.session()
        self.viewer.add_image(self.session.image, name=IMAGE, rgb=self.session.image.ndim == 3)
        self._start()

    def save(self) -> None:
        """Save the corrections to the task."""
        if self.images is not None and self.session is not None:
            path = self.images.save(self.session)
            what = f"{len(self.session.corrections)} corrections in {path}" if self.session.corrections else "none left"
            self.tell(f"saved: {what}; superdsm batch --run applies them")
