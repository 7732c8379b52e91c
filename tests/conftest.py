"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

pytest_plugins = ["superdsm.testing.fixtures", "tests.laboratory", "tests.plugins_fixtures"]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real images and reference tables beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the reference data (../shared/data beside the checkout) is not here")
    return SHARED_DATA
