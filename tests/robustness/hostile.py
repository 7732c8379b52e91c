"""Stages that mean no good, or are written carelessly: each breaks one promise of a stage.

The file is used as a script of stages, so it holds no more than they need. `CASES` says what is expected of each: the
text that the image fails with, or "" where all must go well.
"""

import atexit
import ctypes
import os
import signal
import sys
import threading
import time

import numpy as np

from superdsm import Stage
from superdsm.core.objects import Object

CASES = {}
SHAPE = (24, 32)


def legal_atoms():
    atoms = np.zeros(SHAPE, np.int32)
    atoms[4:12, 4:12], atoms[12:20, 18:26] = 1, 2
    return {
        "y_mask": np.ones(SHAPE, bool),
        "atoms": atoms,
        "adjacencies": np.zeros((0, 2), np.int32),
        "seeds": np.array([(8, 8), (16, 22)], np.int32),
        "clusters": atoms.copy(),
    }


def legal_cover():
    item = Object((1,), 0.5, True, False, (4, 4), np.ones((8, 8), bool), 64)
    return {"cover": [item], "objects": [item], "performance": {}, "certificate": {}}


def with_object(**changes):
    values = {
        **{"atoms": (1,), "energy": 0.5, "is_optimal": True, "on_boundary": False},
        **{"offset": (4, 4), "fragment": np.ones((8, 8), bool), "n_pixels": 64},
    }
    return lambda fields: fields | {"cover": [Object(**(values | changes))]}


def edited(name, edit):
    """Change a copy of a field."""

    def change(fields):
        value = fields[name].copy()
        return fields | {name: value if (result := edit(value)) is None else result}

    return change


def put(name, value):
    return lambda fields: fields | {name: value}


def at(position, value):
    def edit(array):
        array[position] = value

    return edit


def add(name, expected, process, **attributes):
    """Make a class of this module."""
    CASES[name] = expected
    space = {"id": "hostile", "version": "1", "process": process, "__module__": __name__, **attributes}
    globals()[name] = type(name, (Stage,), space)


def changed(name, expected, stage, legal, inputs, change):
    """A stage that takes the place of a built-in one, and returns legal fields but for one change."""

    def process(self, ctx, **given):
        return change(legal())

    outputs = tuple(legal())
    add(
        name,
        f"stage {stage}: {expected}" if expected else "",
        process,
        id=stage,
        inputs=inputs,
        outputs=outputs,
    )


def atoms(name, expected, change):
    changed(name, expected, "c2f-region-analysis", legal_atoms, ("y", "dsm_cfg"), change)


def cover(name, expected, change):
    changed(name, expected, "global-energy-minimization", legal_cover, ("y", "atoms"), change)


atoms("AtomsLegal", "", lambda fields: fields)
atoms("AtomAboveAll", "the field 'atoms' has the label", edited("atoms", at((0, 0), 4000)))
atoms("AtomHuge", "the field 'atoms' has the label 2147483647", edited("atoms", at((0, 0), 2**31 - 1)))
atoms("AtomGap", "the field 'atoms' has the label 4, but not the label 3", edited("atoms", at((0, 0), 4)))
atoms("AtomNegative", "the field 'atoms' has the label -7", edited("atoms", at((0, 0), -7)))
atoms("AtomWithoutSeed", "", edited("atoms", at((0, 0), 3)))
atoms("AtomsFloat", "the field 'atoms' has dtype float64", edited("atoms", lambda value: value.astype(float)))
atoms("AtomsSwapped", "the field 'atoms' has dtype >i4", edited("atoms", lambda value: value.astype(">i4")))
atoms("AtomsCut", "the field 'atoms' has length 23 along axis 0", edited("atoms", lambda value: value[1:]))
atoms(
    "AtomsLarge", "the field 'atoms' has length 48 along axis 0", edited("atoms", lambda value: np.tile(value, (2, 2)))
)
atoms("AtomsFlat", "the field 'atoms' has 1 axes", edited("atoms", lambda value: value.ravel()))
atoms("AtomsNone", "the field 'atoms' is None", put("atoms", None))
atoms("AtomsList", "the field 'atoms' is list", edited("atoms", lambda value: value.tolist()))
atoms("AtomsObjects", "the field 'atoms' has dtype object", edited("atoms", lambda value: value.astype(object)))
atoms("AtomsFortran", "", edited("atoms", np.asfortranarray))
atoms("AtomsMasked", "", edited("atoms", lambda value: np.ma.masked_equal(value, 1)))
atoms("SeedOutside", "the field 'seeds' reaches to row 25", edited("seeds", at(0, (24, 0))))
atoms("SeedNegative", "the field 'seeds' has the coordinate -1", edited("seeds", at(0, (0, -1))))
atoms("SeedMissing", "the field 'seeds' has 1 entries, but there are 2 atoms", edited("seeds", lambda value: value[:1]))
atoms("SeedsEmpty", "the field 'seeds' has 0 entries", edited("seeds", lambda value: value[:0]))
atoms("SeedsWide", "the field 'seeds' has length 3", edited("seeds", lambda value: np.zeros((2, 3), np.int32)))
atoms("PairAbove", "the field 'adjacencies' has the label 9", put("adjacencies", np.array([(1, 9)], np.int32)))
atoms("PairZero", "the field 'adjacencies' has the label 0", put("adjacencies", np.array([(0, 1)], np.int32)))
atoms(
    "PairHuge",
    "the field 'adjacencies' has the label 2147483647",
    put("adjacencies", np.full((1, 2), 2**31 - 1, np.int32)),
)
atoms("ClusterNegative", "the field 'clusters' has the label -2", edited("clusters", at((0, 0), -2)))
atoms("ClustersCut", "the field 'clusters' has length 31", edited("clusters", lambda value: value[:, 1:]))
atoms("MaskNumbers", "the field 'y_mask' has dtype uint8", edited("y_mask", lambda value: value.astype(np.uint8)))
atoms("FieldMissing", "process() returned", lambda fields: {"atoms": fields["atoms"]})
atoms("FieldNames", "process() returned", lambda fields: fields | {3: 1})
CASES["AtomWithoutSeed"] = "stage c2f-region-analysis: the field 'seeds' has 2 entries, but there are 3 atoms"

cover("CoverLegal", "", lambda fields: fields)
cover("CoverOfNumbers", "the field 'cover' has 1, which is no object", put("cover", [1, 2]))
cover("CoverOfNone", "the field 'cover' has None, which is no object", put("cover", [None]))
cover("CoverNone", "the field 'cover' is None", put("cover", None))
cover("CoverDict", "the field 'cover' is dict", put("cover", {}))
cover("CoverGenerator", "the field 'cover' is generator", lambda fields: fields | {"cover": (item for item in ())})
cover("ObjectAbove", "the field 'cover' has an object at (-1, 4)", with_object(offset=(-1, 4)))
cover("ObjectFar", "the field 'cover' reaches to row", with_object(offset=(2**31 - 9, 4)))
cover("ObjectTooFar", "the field 'cover' has an object at", with_object(offset=(2**70, 4)))
cover("ObjectBelow", "the field 'cover' reaches to row 25", with_object(offset=(17, 4)))
cover("ObjectFloating", "the field 'cover' has an object at (4.5, 4)", with_object(offset=(4.5, 4)))
cover("ObjectNowhere", "the field 'cover' has an object at None", with_object(offset=None))
cover("MaskFloat", "the field 'cover' has an object whose mask", with_object(fragment=np.ones((8, 8))))
cover("MaskDeep", "the field 'cover' has an object whose mask", with_object(fragment=np.ones((2, 2, 2), bool)))
cover("MaskList", "the field 'cover' has an object whose mask", with_object(fragment=[[True]]))
cover(
    "MaskEmpty", "the field 'cover' has an object whose mask has no pixel", with_object(fragment=np.zeros((2, 2), bool))
)
cover("MaskHuge", "the field 'cover' reaches to row 504", with_object(fragment=np.ones((500, 500), bool)))
cover("AtomsOfText", "the field 'cover' has an object of the atoms", with_object(atoms=("a",)))
cover("AtomsNegative", "the field 'cover' has an object of the atoms", with_object(atoms=(-1,)))
cover("EnergyNone", "the field 'cover' has an object of the energy None", with_object(energy=None))
cover("EnergyNan", "the field 'cover' has an object of the energy nan", with_object(energy=float("nan")))
cover("PixelsText", "the field 'cover' has an object of 'many' pixels", with_object(n_pixels="many"))
cover("PerformanceNumber", "the field 'performance' is int", put("performance", 3))


def intensities(name, expected, change):
    def process(self, ctx, *, y):
        return {"y": change(y)}

    add(
        name,
        f"stage hostile: the field 'y' {expected}",
        process,
        inputs=("y",),
        outputs=("y",),
        after="preprocess",
    )


intensities("NanInside", "has NaN", lambda y: np.where(y == y[3, 3], np.nan, y))
intensities("Infinite", "has NaN or infinite", lambda y: np.full_like(y, np.inf))
intensities("Cropped", "has length 20", lambda y: y[:20])
intensities("Single", "has dtype float32", lambda y: y.astype(np.float32))
intensities("Scalar", "is float, not an array", lambda y: float(y[0, 0]))
intensities("Absent", "is None", lambda y: None)


def behaviour(name, expected, act, **attributes):
    """A stage that does something besides handing `y` on."""

    def process(self, ctx, *, y):
        act(ctx, y)
        return {"y": y}

    add(name, expected, process, inputs=("y",), outputs=("y",), after="preprocess", **attributes)


def raising(error):
    def act(ctx, y):
        raise error

    return act


class Own(BaseException):
    pass


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no")


class StickyError(Exception):
    def __init__(self, one, two):
        super().__init__("sticky")

    def __reduce__(self):
        raise RuntimeError("no")


def stick(ctx, y):
    raise StickyError(1, 2)


def recurse(ctx, y):
    recurse(ctx, y)


def spoil(ctx, y):
    ctx.warnings = ctx.records = 3


def close_streams(ctx, y):
    sys.stdout.close()
    os.close(1)


def leave_thread(ctx, y):
    threading.Thread(target=time.sleep, args=(60,)).start()


behaviour("Exits0", "stage hostile: SystemExit: 0", raising(SystemExit(0)))
behaviour("ExitsText", "stage hostile: SystemExit: all done", raising(SystemExit("all done")))
behaviour("GeneratorExits", "stage hostile: GeneratorExit", raising(GeneratorExit()))
behaviour("OwnBase", "stage hostile: Own", raising(Own()))
behaviour("Mute", "stage hostile: MuteError", raising(MuteError()))
behaviour("Sticky", "stage hostile: StickyError", stick)
behaviour("Recursion", "stage hostile: RecursionError", recurse)
behaviour("Surrogate", "stage hostile: ValueError: caf", raising(ValueError("caf\udce9.csv is missing")))
behaviour("Loud", "stage hostile: ValueError: xxx", raising(ValueError("x" * 2_000_000)))
behaviour("Lines", "stage hostile: ValueError: one", raising(ValueError("one\ntwo\r\nTraceback\n")))
behaviour("Writes", "stage hostile: ValueError", lambda ctx, y: y.__setitem__((0, 0), 1.0))
behaviour("MemoryHog", "memory", lambda ctx, y: np.ones(10**15))
behaviour("Prints", "", lambda ctx, y: sys.stdout.write("caf\udce9" * 100_000))
behaviour("PrintsErrors", "", lambda ctx, y: sys.stderr.write("caf\udce9"))
behaviour("WarnsSurrogate", "", lambda ctx, y: ctx.warn("caf\udce9"))
behaviour("WarnsNumber", "", lambda ctx, y: ctx.warn(3))
behaviour("LogsObjects", "hostile: ", lambda ctx, y: ctx.log(it=object()))
behaviour("TellsObjects", "stage hostile: what it tells", lambda ctx, y: ctx.tell(it=object()))
behaviour("TellsOddly", "", lambda ctx, y: ctx.tell(radius="big", discarded=3, irregular="x", components=None))
behaviour("SpoilsContext", "stage hostile: what it tells", spoil)
behaviour("ChangesDirectory", "", lambda ctx, y: os.chdir("/"))
behaviour("ClearsEnvironment", "", lambda ctx, y: os.environ.clear())
behaviour("ClosesOutput", "", close_streams)
behaviour("LeavesThread", "", leave_thread)
behaviour("SlowExit", "", lambda ctx, y: atexit.register(time.sleep, 60))
behaviour("Ends", "ended by itself", lambda ctx, y: os._exit(3))
behaviour("Kills", "killed", lambda ctx, y: os.kill(os.getpid(), signal.SIGKILL))
behaviour("Aborts", "signal", lambda ctx, y: os.abort())
behaviour("Crashes", "signal", lambda ctx, y: ctypes.string_at(1))
behaviour("Hangs", "took longer", lambda ctx, y: time.sleep(600))
behaviour("Stops", "took longer", lambda ctx, y: os.kill(os.getpid(), signal.SIGSTOP))


def unsendable(name, expected, **methods):
    behaviour(name, expected, lambda ctx, y: None, **methods)


class Lock:
    def __init__(self):
        self.lock = threading.Lock()


def no_state(self):
    raise TypeError("I stay here")


unsendable(
    "HoldsLock", "hostile: cannot be sent to a worker", attribute=threading.Lock(), __getstate__=lambda self: Lock()
)
unsendable("NoState", "hostile: cannot be sent to a worker", __getstate__=no_state)
unsendable("DiesLoading", "hostile: the worker process ended by itself", __reduce__=lambda self: (os._exit, (7,)))
unsendable("ExitsLoading", "hostile: cannot be loaded in a worker", __reduce__=lambda self: (sys.exit, (0,)))
unsendable("RaisesLoading", "hostile: cannot be loaded in a worker", __reduce__=lambda self: (int, ("x",)))
unsendable("HangsLoading", "hostile: took longer", __reduce__=lambda self: (time.sleep, (600,)))
unsendable("BecomesNumber", "hostile: becomes int on its way", __reduce__=lambda self: (int, (3,)))

ENDS_PROCESS = ("Ends", "Kills", "Aborts", "Crashes")  # the process that it is in: only a worker can be spared
LASTS = ("Hangs", "Stops", "HangsLoading")
LEAVES = ("LeavesThread", "SlowExit", "ClosesOutput")
SENT = ("HoldsLock", "NoState", "DiesLoading", "ExitsLoading", "RaisesLoading", "HangsLoading", "BecomesNumber")
