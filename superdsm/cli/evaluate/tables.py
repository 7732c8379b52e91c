"""Scores as tables, CSV and JSON."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from superdsm.cli.evaluate.pairs import Evaluated

if TYPE_CHECKING:
    from superdsm.cli.evaluate.tree import TaskScores
    from superdsm.metrics import Evaluation, Summary

MAIN = {
    "seg": "SEG",
    "dice": "Dice",
    "f1_50": "F1",
    "ap_50": "AP50",
    "map": "mAP",
    "pq": "PQ",
    "aji": "AJI",
}
FURTHER = {
    "seg": "SEG (Cell Tracking Challenge)",
    "dice": "Dice coefficient of the foreground",
    "jaccard": "Jaccard index of the foreground",
    "precision_50": "precision, at IoU above 0.5",
    "recall_50": "recall, at IoU above 0.5",
    "f1_50": "F1, at IoU above 0.5",
    "ap_50": "average precision, at IoU above 0.5 (AP50)",
    "map": "mean average precision (mAP)",
    "sq": "segmentation quality (SQ)",
    "rq": "recognition quality (RQ)",
    "pq": "panoptic quality (PQ)",
    "aji": "aggregated Jaccard index (AJI)",
    "rand": "Rand index",
    "adjusted_rand": "adjusted Rand index",
    "hausdorff": "Hausdorff distance, in pixels",
    "nsd": "normalised sum of distances (NSD)",
}
COUNTED = ("split", "merged", "missed", "spurious")
BY_IOU = {"precision": "precision", "recall": "recall", "f1": "F1", "ap": "AP"}


def show_images(evaluated: Evaluated, args: argparse.Namespace) -> int:
    """Print the scores of images; return the exit code."""
    from superdsm.metrics import summarise

    summary = summarise(evaluated.results.values())
    if args.json:
        _print_json({**_evaluated(evaluated, args), **summary.to_dict()})
    elif args.csv and args.objects:
        _print_csv({"image": name, **row} for name, row in _object_rows(evaluated))
    elif args.csv:
        rows = [{"of": "image", "image": pair.name, **_flat(result)} for pair, result in evaluated.results.items()]
        rows += [{"of": "mean", "image": "", **summary.mean}]
        rows += [{"of": "pooled", "image": "", **summary.counts, **summary.pooled}]
        _print_csv(rows)
    else:
        _write(_image_tables(evaluated, summary, args))
    return 0 if evaluated.is_complete else 1


def show_tasks(tasks: "Sequence[TaskScores]", args: argparse.Namespace) -> int:
    """Print the scores of tasks; return the exit code."""
    from superdsm.cli.evaluate.tree import score_name

    if args.json:
        _print_json({"tasks": [_task(scores, args) for scores in tasks]})
    elif args.csv and args.objects:
        _print_csv(
            {"task": scores.task.name, "image": name, **row}
            for scores in tasks
            for name, row in _object_rows(scores.evaluated)
        )
    elif args.csv:
        _print_csv(row for scores in tasks for row in _task_rows(scores))
    else:
        _write(_task_table(tasks, score_name(args)))
    return 0 if all(scores.evaluated.is_complete for scores in tasks) else 1


def _write(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _print_json(data: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(data, indent=2, allow_nan=False) + "\n")


def _print_csv(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows under the names of all their columns, in the order in which these occur first."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _flat(result: "Evaluation") -> dict[str, Any]:
    return {**result.counts, **result.scores}


def _evaluated(evaluated: Evaluated, args: argparse.Namespace) -> dict[str, Any]:
    return {
        "images": [
            {
                "image": pair.name,
                "predicted": str(pair.predicted),
                "truth": str(pair.truth),
                **result.to_dict(objects=args.objects),
            }
            for pair, result in evaluated.results.items()
        ],
        "failed": evaluated.failed,
        "without_prediction": evaluated.without_prediction,
        "without_truth": evaluated.without_truth,
    }


def _task(scores: "TaskScores", args: argparse.Namespace) -> dict[str, Any]:
    return {
        "task": scores.task.name,
        "best": scores.best,
        "parent": scores.parent or None,
        "difference": {"n_images": scores.shared, **scores.difference} if scores.difference else None,
        "outdated": scores.outdated,
        **_evaluated(scores.evaluated, args),
        **({} if scores.summary is None else scores.summary.to_dict()),
    }


def _task_rows(scores: "TaskScores") -> Iterator[dict[str, Any]]:
    first = {"task": scores.task.name, "best": int(scores.best)}
    for pair, result in scores.evaluated.results.items():
        yield {**first, "of": "image", "image": pair.name, **_flat(result)}
    if scores.summary is not None:
        yield {**first, "of": "mean", **scores.summary.mean}
        yield {**first, "of": "pooled", **scores.summary.counts, **scores.summary.pooled}
    if scores.difference:
        yield {**first, "of": "difference", **scores.difference["counts"], **scores.difference["scores"]}


def _object_rows(evaluated: Evaluated) -> Iterator[tuple[str, dict[str, Any]]]:
    for pair, result in evaluated.results.items():
        for of, records in result.objects().items():
            yield from ((pair.name, {"of": of, **record}) for record in records)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows of cells out in columns: the first one flush left, numbers flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [f"{row[0]:{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    sign = "+" if signed else ""
    return f"{value:{sign}d}" if isinstance(value, int) else f"{value:{sign}.3f}"


def _cells(
    counts: Mapping[str, Any], scores: Mapping[str, Any], names: Iterable[str] = MAIN, *, signed: bool = False
) -> list[str]:
    values = [
        *(counts.get(name) for name in ("n_true", "n_predicted")),
        *(scores[name] for name in names),
        *(counts.get(name) for name in COUNTED),
    ]
    return [_number(value, signed=signed) for value in values]


def _head(names: Mapping[str, str]) -> tuple[str, ...]:
    return ("true", "predicted", *names.values(), *COUNTED)


def _image_tables(evaluated: Evaluated, summary: "Summary", args: argparse.Namespace) -> Iterator[str]:
    results = evaluated.results
    if args.objects:
        yield from _objects_table(evaluated)
        yield ""
    if len(results) > 1:
        rows = [["image", *_head(MAIN)]]
        rows += [[pair.name, *_cells(result.counts, result.scores)] for pair, result in results.items()]
        rows += [["mean", *_cells({}, summary.mean)], ["all", *_cells(summary.counts, summary.pooled)]]
        yield from table(rows)
        yield ""
    yield from _count_lines(summary.counts)
    yield from _left_out_line([evaluated])
    yield ""
    if len(results) > 1:
        rows = [["score", "all", "mean"]]
        rows += [[text, _number(summary.pooled[name]), _number(summary.mean[name])] for name, text in FURTHER.items()]
    else:
        rows = [["score", ""], *([text, _number(summary.pooled[name])] for name, text in FURTHER.items())]
    yield from (line.rstrip() for line in table(rows))
    yield ""
    percents = range(50, 100, 5)
    rows = [["at IoU above", *(f"{percent / 100:.2f}" for percent in percents)]]
    rows += [
        [text, *(_number(summary.pooled[f"{name}_{percent}"]) for percent in percents)] for name, text in BY_IOU.items()
    ]
    yield from table(rows)


def _count_lines(counts: Mapping[str, int | None]) -> Iterator[str]:
    """Say how many objects there are, and what became of them."""
    yield (
        f"{counts['n_true']} true objects: {counts['matched']} matched, {counts['merged']} merged with others, "
        f"{counts['missed']} missed, {counts['inaccurate']} inaccurate"
    )
    spurious = "" if counts["spurious"] is None else f", {counts['spurious']} spurious"
    yield f"{counts['n_predicted']} predicted objects: {counts['split']} split off{spurious}"


def _left_out_line(parts: Iterable[Evaluated]) -> Iterator[str]:
    """Say how many objects were left out, if any were."""
    left_out = [result.left_out for part in parts for result in part.results.values()]
    true, predicted = (sum(numbers) for numbers in zip(*left_out, strict=True))
    if true or predicted:
        yield f"left out: {true} true and {predicted} predicted objects"


def _objects_table(evaluated: Evaluated) -> list[str]:
    names = ("label", "kind", "area", "partner", "iou", "seg", "hausdorff", "nsd")
    rows = [["image", "of", *names]]
    for image, record in _object_rows(evaluated):
        cells = [record.get(name) for name in names]
        rows.append([image, record["of"], *(cell if isinstance(cell, str) else _number(cell) for cell in cells)])
    return table(rows)


def _task_table(tasks: "Sequence[TaskScores]", by: str) -> Iterator[str]:
    names = MAIN if by in MAIN else {**MAIN, by: by}
    rows = [["task", "images", *_head(names)]]
    for scores in tasks:
        name = ("* " if scores.best else "  ") + scores.task.name
        if scores.summary is None:
            rows.append([name, "0", *["-"] * len(_head(names))])
            continue
        cells = _cells(scores.summary.counts, scores.summary.pooled, names)
        rows.append([name, str(scores.summary.n_images), *cells])
        if scores.difference:
            cells = _cells(scores.difference["counts"], scores.difference["scores"], names, signed=True)
            rows.append([f"    against {scores.parent}", str(scores.shared), *cells])
    yield from table(rows)
    yield ""
    yield from _left_out_line(scores.evaluated for scores in tasks)
    if any(scores.best for scores in tasks):
        yield f"* the best of the tasks with the same images, by {by}"
