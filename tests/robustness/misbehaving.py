"""``python -m tests.robustness.misbehaving IMAGE NAME...``: segment an image with hostile stages, all in this process.

Writes a line of JSON for each, with what came of it, so that one sees which ends the process.
"""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from superdsm.cli import main

SCRIPT = Path(__file__).with_name("hostile.py")


def segment(image: str, name: str) -> dict[str, object]:
    """Segment an image with a stage of the script; return exit code, what was told, and whether there are labels."""
    out, err = io.StringIO(), io.StringIO()
    labels = Path(image).with_name("labels.png")
    labels.unlink(missing_ok=True)
    command = ["segment", image, "-o", str(labels), "--profile", "published", "--set", "AF_scale=3"]
    environ, directory = dict(os.environ), Path.cwd()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code: object = main([*command, "--use", f"{SCRIPT}:{name}"])
        except BaseException as exc:  # noqa: BLE001 - that is what is looked for
            code = repr(exc)
    os.environ.update(environ)
    os.chdir(directory)
    return {"name": name, "code": code, "text": out.getvalue() + err.getvalue(), "labels": labels.exists()}


if __name__ == "__main__":
    report = os.fdopen(os.dup(1), "w")
    for name in sys.argv[2:]:
        report.write(json.dumps(segment(sys.argv[1], name)) + "\n")
        report.flush()
    os._exit(0)  # threads and exit handlers that stages have left behind are not waited for
