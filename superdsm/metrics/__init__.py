"""Scores of label images against the ground truth: arrays in, numbers out."""

from superdsm.metrics.evaluation import Evaluation, Summary, evaluate, summarise
from superdsm.metrics.tally import COUNTS, LOW_IS_GOOD, SCORES, Tally

__all__ = ["COUNTS", "LOW_IS_GOOD", "SCORES", "Evaluation", "Summary", "Tally", "evaluate", "summarise"]
