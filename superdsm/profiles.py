"""Profiles: which built-in stages take part, and with which defaults.

A profile is a preset that is chosen by its name (``"profile": "adaptive"`` at the top level of a configuration, or
``--profile``). Nothing about it is hidden: its stages and defaults are listed here, single hyperparameters of a
configuration win over them, and they enter the keys of results like any others.

The profile "adaptive" works on two grids: on the pixels of the image, and, between ``resolution`` and ``restore``, on
resampled pixels in which nuclei of the typical size have always the same radius.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from superdsm.errors import ConfigError, suggest


@dataclass(frozen=True, slots=True)
class Profile:
    """A preset of stages and hyperparameters.

    Attributes
    ----------
    name : str
        What it is chosen by.
    doc : str
        What it is for, in one sentence.
    stages : tuple of str
        Ids of built-in stages, in order.
    defaults : mapping
        By stage: defaults that differ from those the stage declares. Of automatic hyperparameters only the factors
        ``AF_x``, so that a user's ``x`` and ``AF_x`` both win.
    floors : mapping
        By stage: what hyperparameters are raised to, where that differs from what the stage declares.
    places : mapping
        By stage of another profile: the stage that stands in its place, where plugins that replace it or go next to it
        find their place.
    """

    name: str
    doc: str
    stages: tuple[str, ...]
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)


PUBLISHED = Profile(
    "published",
    "The method as published, for nuclei of 40 to 60 pixels radius; reproduces its results to the object.",
    (
        "ingest",
        "scale",
        "preprocess",
        "dsm",
        "c2f-region-analysis",
        "global-energy-minimization",
        "postprocess",
    ),
)

ADAPTIVE = Profile(
    "adaptive",
    "Nuclei of any size and brightness, at a working resolution; energies and tests relative to the objects.",
    (
        "ingest",
        "nucleus-size",
        "resolution",
        "normalise",
        "dsm",
        "object-prices",
        "c2f-region-analysis",
        "global-energy-minimization",
        "restore",
        "contours",
        "evidence",
    ),
    {
        "ingest": {"colour": "auto"},
        "resolution": {"target_radius": 16.0, "max_zoom": 2.75},
        "dsm": {"AF_alpha": 2e-3, "AF_smooth_amount": 0.25, "AF_smooth_subsample": 0.5, "AF_background_margin": 0.5},
        "c2f-region-analysis": {
            "AF_min_atom_radius": 0.3,
            "max_atom_norm_energy": 0.04,
            "max_cluster_marker_irregularity": 0.35,
            "max_failed_trials": 100,
        },
        "global-energy-minimization": {
            "AF_beta": 1.3,
            "AF_max_seed_distance": 1.5,
            "cover": "exact",
            "max_cluster_sets": 2000,
            "cover_timeout": 10.0,
            "cluster_timeout": 60.0,
        },
    },
    {"dsm": {"smooth_amount": 3, "smooth_subsample": 6, "background_margin": 6}},
    {"scale": "nucleus-size", "preprocess": "normalise", "postprocess": "evidence"},
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (ADAPTIVE, PUBLISHED)}
DEFAULT_PROFILE = "adaptive"  # of `superdsm segment` and `superdsm.segment`, where nothing is said
# Of task trees and pipelines, where nothing is said: trees in laboratories set hyperparameters of the method as it was
# published, and their results must not change.
UNNAMED_PROFILE = PUBLISHED.name


def told_by(stages: Iterable[str]) -> str:
    """Return the profile that has some of these stages and that no other one has; "" if none of them tells."""
    ids = set(stages)
    for profile in PROFILES.values():
        others = {stage for other in PROFILES.values() if other is not profile for stage in other.stages}
        if ids & (set(profile.stages) - others):
            return profile.name
    return ""


def get(name: Any = None) -> Profile:
    """Return a profile by its name; None stands for `UNNAMED_PROFILE`.

    Raises
    ------
    ConfigError
        There is no such profile.
    """
    if name is None:
        name = UNNAMED_PROFILE
    if not isinstance(name, str) or name not in PROFILES:
        known = " or ".join(f'"{known}"' for known in PROFILES)
        hint = suggest(name, list(PROFILES)) if isinstance(name, str) else ""
        raise ConfigError(f"profile = {name!r} is not allowed; expected: {known}{hint}", "profile")
    return PROFILES[name]
