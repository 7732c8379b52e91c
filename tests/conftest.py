"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

from tests import examples

pytest_plugins = [
    "superdsm.testing.fixtures",
    "tests.laboratory",
    "tests.plugins_fixtures",
    "tests.processes",
    "tests.profile_fixtures",
]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real images and reference tables beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the reference data (../shared/data beside the checkout) is not here")
    return SHARED_DATA


def pytest_configure(config: pytest.Config) -> None:
    """Take an expression of markers that leaves out processes for what it is: the wish for a quick answer."""
    if "not process" in config.option.markexpr:
        others = [name for name in ("reference", "slow", "parity") if name not in config.option.markexpr]
        examples.be_quick()
        config.option.markexpr = " and not ".join([f"({config.option.markexpr})", *others])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs the reference data; leave out what measures time, unless it is asked for.

    Other work would disturb the measurement.
    """
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.reference)
    if "speed" in config.option.markexpr:
        return
    timed = [item for item in items if item.get_closest_marker("speed")]
    if timed:
        config.hook.pytest_deselected(items=timed)
        items[:] = [item for item in items if item not in timed]
