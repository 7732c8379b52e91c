"""What the exact cover changes: where the greedy one is not the best, what that costs, and what the proof costs.

For every image the energy minimisation is run with the greedy cover (as published), with the exact cover, and with the
exact cover and a bound for every fit. Scores against the ground truth are SEG and F1 at an IoU of 0.5, pooled; the AUC
tells how well the confidence separates objects with an IoU of at least 0.5 from the others.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, print_table

from superdsm.api import Result, segment
from superdsm.core import energy_minimization, search, setcover
from superdsm.io import read_image

STAGE = "global-energy-minimization"
MODES: dict[str, dict[str, Any]] = {
    "greedy": {"cover": "greedy"},
    "exact": {"cover": "exact"},
    "exact, fits bounded": {"cover": "exact", "certify": True},
}


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Measure the seconds that the exact cover and the certificates take."""
    spent = {"covering": 0.0, "certifying": 0.0}

    def timed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                spent[name] += time.perf_counter() - start

        return run

    places = [
        (search.Candidates, "cover", "covering"),
        (setcover.Packing, "energy", "covering"),
        (setcover.ExactPacking, "energy", "covering"),
        (energy_minimization, "certify_cluster", "certifying"),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, kind in places:
        setattr(owner, name, timed(getattr(owner, name), kind))
    try:
        yield spent
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def intersections(result: Result, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the IoU of each true object with each label, and the shares of the true objects that labels cover."""
    labels = np.asarray(result.labels, np.int64)
    truth = np.unique(np.append(truth.ravel(), 0), return_inverse=True)[1][:-1]
    width = int(labels.max()) + 1
    counts = np.bincount(truth * width + labels.ravel(), minlength=(int(truth.max()) + 1) * width).reshape(-1, width)
    area_truth, area = counts.sum(axis=1)[1:], counts.sum(axis=0)[1:]
    both = counts[1:, 1:]
    return both / (area_truth[:, None] + area - both), both / area_truth[:, None], area_truth


def auc(scores: np.ndarray, right: np.ndarray) -> float:
    """Return the probability that a right object has a higher score than a wrong one; ties count half."""
    good, bad = scores[right], scores[~right]
    if not len(good) or not len(bad):
        return float("nan")
    return float(np.mean([(np.mean(value > bad) + np.mean(value >= bad)) / 2 for value in good]))


def measure(path: Path, truth: np.ndarray, settings: dict[str, Any]) -> dict[str, Any]:
    """Segment one image; return what the tables need."""
    with stopwatch() as spent:
        result = segment(read_image(path), {STAGE: settings}, profile="published")
    iou, share, _ = intersections(result, truth)
    best = iou.max(axis=0, initial=0)
    covering = share.argmax(axis=1) if iou.shape[1] else np.zeros(len(iou), int)
    rows = np.arange(len(iou))
    seg = np.where(share[rows, covering] > 0.5, iou[rows, covering], 0) if iou.shape[1] else np.zeros(len(iou))
    objects = sorted((item for item in result.objects if not item.is_empty), key=lambda item: item.atoms)
    certificate = result.fields["certificate"]
    others = {
        tuple(labels): np.inf if margin is None else margin
        for detail in certificate.get("details", ())
        for labels, margin in zip(detail["cover"], detail["margins"], strict=True)
    }
    return {
        "certificate": certificate,
        "second_best": np.array([others[item.atoms] for item in objects], float),
        "performance": result.fields["performance"],
        "seconds": result.timings[STAGE],
        **spent,
        "seg": seg,
        "right": best >= 0.5,
        "n_true": len(iou),
        "n_found": int(np.count_nonzero((iou >= 0.5).any(axis=1))),
        "confidence": np.array([item.confidence for item in objects], float),
        "margin": np.array([item.margin for item in objects], float),
    }


def main() -> None:
    """Print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--sets", nargs="+", default=["NIH3T3", "U2OS"], help="data sets (default: NIH3T3 U2OS)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each image, for the seconds (default: 3)")
    args = parser.parse_args()
    outcomes: dict[str, dict[str, list[dict[str, Any]]]] = {mode: {} for mode in MODES}
    rows: list[tuple[Any, ...]] = []
    for data_set in args.sets:
        for path in sorted((args.data / data_set / "images").iterdir()):
            truth = read_image(next((args.data / data_set / "masks").glob(f"{path.stem}.*")))
            found = {}
            for mode, settings in MODES.items():
                runs = [
                    measure(path, truth if truth.ndim == 2 else truth[..., 0], settings) for _ in range(args.repeats)
                ]
                found[mode] = runs[0]
                for name in ("seconds", "covering", "certifying"):
                    runs[0][name] = statistics.median(run[name] for run in runs)
                outcomes[mode].setdefault(data_set, []).append(runs[0])
            rows += wrong_clusters(f"{data_set} {path.stem[:12]}", found["greedy"], found["exact"])
    print("Clusters with a greedy cover that is not the best one:\n")
    header = ("image", "cluster", "atoms", "greedy objects", "exact objects", "greedy cost", "least cost", "too much")
    print_table(header, rows)
    for title, table in (("By data set:", scores), ("Search and time:", costs)):
        print(f"\n{title}\n")
        table(outcomes)


def wrong_clusters(name: str, greedy: dict[str, Any], exact: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield a row of the table for each cluster whose greedy cover is not the best one."""
    best = {detail["cluster"]: detail for detail in exact["certificate"]["details"]}
    for detail in greedy["certificate"]["details"]:
        least = best[detail["cluster"]]
        if detail["upper"] > least["upper"] * (1 + 1e-9):
            more = detail["upper"] / least["upper"] - 1
            yield (
                name,
                detail["cluster"],
                len(detail["atoms"]),
                len(detail["cover"]),
                len(least["cover"]),
                detail["upper"],
                least["upper"],
                f"{more:.2%}",
            )


def scores(outcomes: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    """Print what the cover means for the objects."""
    rows = []
    for mode, sets in outcomes.items():
        for data_set, runs in sets.items():
            whole = [run["certificate"] for run in runs if run["certificate"]]
            searched = [d["method"] not in ("single", "criterion") for c in whole for d in c["details"]]
            right = np.concatenate([run["right"] for run in runs])
            found, n_true = sum(run["n_found"] for run in runs), sum(run["n_true"] for run in runs)
            areas = [
                auc(np.concatenate([run[name] for run in runs]), right)
                for name in ("second_best", "margin", "confidence")
            ]
            rows.append(
                (
                    mode,
                    data_set,
                    len(searched),
                    sum(searched),
                    sum(c["optimal"] for c in whole),
                    f"{max(c['gap'] / c['upper'] for c in whole):.1e}",
                    f"{np.concatenate([run['seg'] for run in runs]).mean():.4f}",
                    f"{2 * found / (n_true + len(right)):.4f}",
                    *(f"{area:.3f}" for area in areas),
                )
            )
    print_table(
        (
            "cover",
            "data set",
            "clusters",
            "searched",
            "optimal",
            "largest gap",
            "SEG",
            "F1",
            "AUC second-best",
            "AUC margin",
            "AUC confidence",
        ),
        rows,
    )


def costs(outcomes: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    """Print how many fits and seconds the covers need."""
    rows = []
    for mode, sets in outcomes.items():
        runs = [run for several in sets.values() for run in several]
        seconds, cover, certificate = (sum(run[name] for run in runs) for name in ("seconds", "covering", "certifying"))
        fits = [
            sum(run["performance"].get(f"{kind}_computed_object_count", 0) for run in runs)
            for kind in ("overall", "iterative")
        ]
        rows.append((mode, *fits, seconds, f"{cover / seconds:.2%}", f"{certificate / seconds:.2%}"))
    header = ("cover", "fits", "of them in searches", "seconds", "for covers and packings", "for certificates")
    print_table(header, rows)


if __name__ == "__main__":
    main()
