"""Writes the table of docs/formats.md: ``python -m tests.io.write_formats``."""

import re
from pathlib import Path

from tests.io.format_cases import table

if __name__ == "__main__":
    path = Path(__file__).parents[2] / "docs" / "formats.md"
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\| kind of file .*?(?=\n\n|\Z)", lambda match: table(), text, flags=re.DOTALL)
    path.write_text(text, encoding="utf-8")
