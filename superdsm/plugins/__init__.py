"""Plugins: what is installed, what it offers, what is wrong with it, and which pipeline a ``use`` gives.

Installed means available, and named means active: a stage takes part only where ``use`` names it. Hooks are called in
the parent process only.
"""

from superdsm.plugins.catalog import KINDS, Registry, configure, registry, reset
from superdsm.plugins.identity import identity, provider_of
from superdsm.plugins.loader import GROUP, PluginStatus
from superdsm.plugins.resolve import default_pipeline, resolve_pipeline, resolve_stage

__all__ = [
    "GROUP",
    "KINDS",
    "PluginStatus",
    "Registry",
    "configure",
    "default_pipeline",
    "identity",
    "provider_of",
    "registry",
    "reset",
    "resolve_pipeline",
    "resolve_stage",
]
