from .api import Batch, Pruned
from .execution.listener import Listener, RunSummary
from .plan import Plan
from .planning.records import Action
from .results.images import ImageRecord, TaskResults

__all__ = ["Action", "Batch", "ImageRecord", "Listener", "Plan", "Pruned", "RunSummary", "TaskResults"]
