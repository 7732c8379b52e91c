from .api import Result, segment
from .batch.api import Batch
from .config import Config
from .core.objects import Object
from .errors import (
    ConfigError,
    ImageError,
    PipelineError,
    PluginError,
    StageError,
    SuperDSMError,
    TaskError,
)
from .fields import Field
from .hookspecs import hookimpl
from .params import Param, Params, param
from .pipeline import Pipeline, Run
from .plugins.resolve import default_pipeline
from .records import (
    Command,
    Event,
    ExecutorEntry,
    ExecutorOptions,
    ExportContext,
    Exporter,
    ImageFailed,
    ImageFinished,
    Reader,
    RunFinished,
    RunStarted,
    StageEntry,
    StageFinished,
    StageStarted,
)
from .stage import Stage, StageContext

__version__: str

__all__ = [
    "Batch",
    "Command",
    "Config",
    "ConfigError",
    "Event",
    "ExecutorEntry",
    "ExecutorOptions",
    "ExportContext",
    "Exporter",
    "Field",
    "ImageError",
    "ImageFailed",
    "ImageFinished",
    "Object",
    "Param",
    "Params",
    "Pipeline",
    "PipelineError",
    "PluginError",
    "Reader",
    "Result",
    "Run",
    "RunFinished",
    "RunStarted",
    "Stage",
    "StageContext",
    "StageEntry",
    "StageError",
    "StageFinished",
    "StageStarted",
    "SuperDSMError",
    "TaskError",
    "__version__",
    "default_pipeline",
    "hookimpl",
    "param",
    "segment",
]
