"""What this package offers to superdsm."""

import argparse
import sys
from collections.abc import Iterable

from superdsm import Command, Exporter, StageEntry, hookimpl


@hookimpl
def superdsm_register_stages() -> Iterable[StageEntry]:
    """Offer the stage ``measure``."""
    from superdsm_measure.stage import Measure

    return [StageEntry(Measure)]


@hookimpl
def superdsm_register_exporters() -> Iterable[Exporter]:
    """Offer the exporter behind ``measurements_pathpattern``."""
    from superdsm_measure.columns import column_type
    from superdsm_measure.tables import SUFFIXES, write_table

    doc = "Table of the measurements (CSV; Parquet with superdsm-measure[parquet]); needs the stage 'measure'."
    return [Exporter("measurements", ("measurements",), write_table, SUFFIXES, doc=doc, column_type=column_type)]


@hookimpl
def superdsm_register_commands() -> Iterable[Command]:
    """Offer ``superdsm measure-columns``."""
    help_ = "Show the columns of the tables of superdsm-measure."
    return [Command("measure-columns", help_, _add_arguments, _show_columns)]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""


def _show_columns(args: argparse.Namespace) -> int:
    from superdsm_measure.columns import COLUMNS

    for column in COLUMNS:
        unit = f" [{column.unit}]" if column.unit else ""
        sys.stdout.write(f"{column.name}{unit}: {column.doc}\n")
    return 0
