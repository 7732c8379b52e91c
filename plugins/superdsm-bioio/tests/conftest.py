"""Fixtures of superdsm for authors of plugins."""

pytest_plugins = ["superdsm.testing.fixtures"]
