"""The built-in stages, readers, exporters, executors and subcommands: a plugin like any other.

The imports are inside the functions so that nothing numeric is imported before it is needed.
"""

from collections.abc import Iterable

from superdsm.hookspecs import hookimpl
from superdsm.records import Command, ExecutorEntry, Exporter, Reader, StageEntry


@hookimpl
def superdsm_register_stages() -> Iterable[StageEntry]:
    """Offer the stages of the method, in their order."""
    from superdsm.stages.c2f_region_analysis import C2FRegionAnalysis
    from superdsm.stages.dsm import Dsm
    from superdsm.stages.global_energy_minimization import GlobalEnergyMinimization
    from superdsm.stages.ingest import Ingest
    from superdsm.stages.postprocess import Postprocess
    from superdsm.stages.preprocess import Preprocess
    from superdsm.stages.scale import Scale

    stages = (Ingest, Scale, Preprocess, Dsm, C2FRegionAnalysis, GlobalEnergyMinimization, Postprocess)
    return [StageEntry(stage, default=True) for stage in stages]


@hookimpl
def superdsm_register_readers() -> Iterable[Reader]:
    """Offer the readers of common image files."""
    from superdsm.io.readers import READERS

    return READERS


@hookimpl
def superdsm_register_exporters() -> Iterable[Exporter]:
    """Offer the exporters of label images, pictures, hyperparameters and logs."""
    from superdsm.io.exporters import EXPORTERS

    return EXPORTERS


@hookimpl
def superdsm_register_executors() -> Iterable[ExecutorEntry]:
    """Offer worker processes, and the serial way."""
    from superdsm.batch.execution.executors import EXECUTORS

    return EXECUTORS


@hookimpl
def superdsm_register_commands() -> Iterable[Command]:
    """Offer the subcommands; each module is quick to import."""
    from superdsm.cli import batch, evaluate, info, plugins, segment, stages, store

    return [module.COMMAND for module in (segment, batch, evaluate, store, info, stages, plugins)]
