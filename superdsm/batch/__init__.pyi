from .api import Batch, Plan, Pruned
from .execution.listener import Listener, RunSummary
from .planning.records import Action
from .results import ImageRecord, TaskResults

__all__ = ["Action", "Batch", "ImageRecord", "Listener", "Plan", "Pruned", "RunSummary", "TaskResults"]
