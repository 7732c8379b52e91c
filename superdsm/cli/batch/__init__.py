"""The subcommand ``batch``: what the user sees of the batch system."""

from superdsm.cli.batch.command import COMMAND

__all__ = ["COMMAND"]
