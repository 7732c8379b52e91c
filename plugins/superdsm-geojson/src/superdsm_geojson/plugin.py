"""What this package offers to superdsm."""

from collections.abc import Iterable

from superdsm import Command, Event, hookimpl
from superdsm_geojson.command import add_arguments, run
from superdsm_geojson.observer import Log

LOG = Log.from_environment()


@hookimpl
def superdsm_register_commands() -> Iterable[Command]:
    """Offer ``superdsm labels-from-outlines``."""
    return [Command("labels-from-outlines", "Make a label image of outlines that were edited.", add_arguments, run)]


@hookimpl
def superdsm_on_event(event: Event) -> None:
    """Append the event to the log, if the environment asks for one."""
    if LOG is not None:
        LOG.append(event)
