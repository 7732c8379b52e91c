"""Kernels and the modules of core that call them have the same names, but for those that are named here."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "superdsm"
KERNELS = sorted(path.stem for path in (PACKAGE / "_ext").glob("*.pyx"))
# Kernel: the modules of core that call it; none: only other kernels do.
OTHERWISE = {
    "blobs": {"scale"},
    "centres": set(),
    "masks": {"labels", "postprocess", "refine"},
    "newton": set(),
    "region_layout": {"model"},
    "simd": set(),
    "splitter": {"region_analysis"},
}


def callers(kernel: str) -> set[str]:
    pattern = re.compile(rf"from superdsm\._ext\.{kernel} import|from superdsm\._ext import .*\b{kernel}\b")
    return {path.stem for path in (PACKAGE / "core").glob("*.py") if pattern.search(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_is_found_by_the_name_of_the_module_that_calls_it(kernel: str) -> None:
    if kernel in OTHERWISE:
        assert callers(kernel) == OTHERWISE[kernel]
    else:
        assert kernel in callers(kernel)


def test_no_exception_is_left_over() -> None:
    assert set(OTHERWISE) <= set(KERNELS)


def test_the_page_on_the_method_names_what_is_there() -> None:
    """Functions and constants in docs/method.md exist in the files that its headings and rows name."""
    page = (PACKAGE.parent / "docs" / "method.md").read_text(encoding="utf-8")
    sources = [path for suffix in ("py", "pyx", "pxd", "h") for path in PACKAGE.rglob(f"*.{suffix}")]
    words = {word for path in sources for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    names = set(re.findall(r"`(?:[\w.]+\.)?(\w+)`", page))
    assert len(names) > 50
    assert sorted(names - words) == []
    files = set(re.findall(r"`((?:core|stages|_ext)/\w+\.\w+)`", page))
    assert sorted(file for file in files if not (PACKAGE / file).is_file()) == []
