"""The built-in stages, readers, exporters, executors and subcommands: a plugin like any other.

The imports are inside the functions so that nothing numeric is imported before it is needed.
"""

from collections.abc import Iterable

from superdsm.hookspecs import hookimpl
from superdsm.records import Command, ExecutorEntry, Exporter, Reader, StageEntry


@hookimpl
def superdsm_register_stages() -> Iterable[StageEntry]:
    """Offer the stages of the method in their order, and those that only other profiles use."""
    from superdsm.stages.c2f_region_analysis import C2FRegionAnalysis
    from superdsm.stages.contours import Contours
    from superdsm.stages.dsm import Dsm
    from superdsm.stages.evidence import Evidence
    from superdsm.stages.flat_field import FlatField
    from superdsm.stages.global_energy_minimization import GlobalEnergyMinimization
    from superdsm.stages.ingest import Ingest
    from superdsm.stages.normalise import Normalise
    from superdsm.stages.nucleus_size import NucleusSize
    from superdsm.stages.object_prices import ObjectPrices
    from superdsm.stages.postprocess import Postprocess
    from superdsm.stages.preprocess import Preprocess
    from superdsm.stages.resolution import Resolution
    from superdsm.stages.restore import Restore
    from superdsm.stages.scale import Scale

    method = (Ingest, Scale, Preprocess, Dsm, C2FRegionAnalysis, GlobalEnergyMinimization, Postprocess)
    adaptive = (NucleusSize, Resolution, Normalise, ObjectPrices, Restore, Contours, Evidence)
    optional = (FlatField,)  # of no profile; for `use`
    return [StageEntry(stage, default=stage in method) for stage in (*method, *adaptive, *optional)]


@hookimpl
def superdsm_register_readers() -> Iterable[Reader]:
    """Offer the readers of common image files."""
    from superdsm.io.readers import READERS

    return READERS


@hookimpl
def superdsm_register_exporters() -> Iterable[Exporter]:
    """Offer the exporters of label images, pictures, hyperparameters and logs."""
    from superdsm.io.exporters import EXPORTERS
    from superdsm.io.picture_exporters import PICTURES

    return (*EXPORTERS, *PICTURES)


@hookimpl
def superdsm_register_executors() -> Iterable[ExecutorEntry]:
    """Offer worker processes, and the serial way."""
    from superdsm.batch.execution.pool.executors import EXECUTORS

    return EXECUTORS


@hookimpl
def superdsm_register_commands() -> Iterable[Command]:
    """Offer the subcommands; each module is quick to import."""
    from superdsm.cli import batch, coco, evaluate, export, info, plugins, report, schema, segment, show, stages, store

    modules = (segment, batch, show, report, export, coco, evaluate, store, info, stages, schema, plugins)
    return [module.COMMAND for module in modules]
