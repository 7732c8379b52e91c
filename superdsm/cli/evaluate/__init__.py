"""The subcommand ``evaluate``: label images, or all tasks of a tree, against the ground truth."""

from superdsm.cli.evaluate.command import COMMAND

__all__ = ["COMMAND"]
