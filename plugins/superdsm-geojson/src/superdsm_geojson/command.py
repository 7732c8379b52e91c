"""The command ``superdsm labels-from-outlines``."""

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("outlines", type=Path, metavar="FILE", help="GeoJSON, or a zip of ROIs of ImageJ")
    parser.add_argument("--like", type=Path, metavar="IMAGE", required=True, help="an image of the same size")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", required=True, help="label image (.png or .tif)")


def run(args: argparse.Namespace) -> int:
    """Write the label image of outlines."""
    from superdsm.io import open_image, write_labels
    from superdsm_geojson.outlines import rasterise, read_outlines

    source = open_image(args.like)
    labels = rasterise(read_outlines(args.outlines), (source.sizes["Y"], source.sizes["X"]))
    write_labels(args.output, labels, source.pixel_size)
    sys.stdout.write(f"{args.output}: {len(set(labels[labels > 0].tolist()))} objects\n")
    return 0
