"""The kernels, compiled by other compilers and for other machines: whether they compile, with the same bits as results.

Compiles cross_check.c with the kernels by the system's compiler, and, where the package ziglang is installed (it brings
clang), for other systems. What this machine can run is run, programs for arm64 under qemu-aarch64 if there is one
(Debian: qemu-user), and the digests are compared: those of avx512, avx2 and neon, which fuse products with sums, are
the same, and those of sse2 and scalar, which do not. Energies are left out: their logarithms are the C library's.
"""

import argparse
import importlib.util
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from common import print_table

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parent / "superdsm" / "_ext"
FLAGS = ("-std=c11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror")
TARGETS = ("x86_64-linux-musl", "aarch64-linux-musl", "x86_64-windows-gnu", "x86_64-macos", "aarch64-macos")
FUSED = ("avx512", "avx2", "neon")


def compilers():
    """Yield names of compilers and the commands that call them."""
    if shutil.which("cc"):
        yield "cc", ["cc"]
    if importlib.util.find_spec("ziglang"):
        for target in TARGETS:
            yield f"zig {target}", [sys.executable, "-m", "ziglang", "cc", "-target", target]


def prefix(name, qemu):
    """Return what has to stand before a program of a compiler to run it, or None if it cannot be run here."""
    machine = platform.machine().replace("arm64", "aarch64")
    if name == "cc" or (name == f"zig {machine}-linux-musl" and sys.platform == "linux"):
        return []
    return [qemu] if name == "zig aarch64-linux-musl" and qemu else None


def main():
    """Compile, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--qemu",
        default=shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static"),
        help="emulator for arm64 (default: qemu-aarch64, if it is installed)",
    )
    args = parser.parse_args()
    digests, rows = defaultdict(lambda: defaultdict(list)), []
    sources = [str(HERE / "cross_check.c"), *map(str, sorted((KERNELS / "widths").glob("*.c")))]
    with tempfile.TemporaryDirectory() as folder:
        for name, command in compilers():
            program = str(Path(folder) / name.replace(" ", "-"))
            before, widths = prefix(name, args.qemu), []
            if before is None:  # compile only: linking would build a C library first
                for source in sources:
                    subprocess.run([*command, *FLAGS, f"-I{KERNELS}", "-c", source, "-o", f"{program}.o"], check=True)
            else:
                subprocess.run([*command, *FLAGS, f"-I{KERNELS}", *sources, "-o", program, "-lm"], check=True)
                done = subprocess.run([*before, program], stdout=subprocess.PIPE, text=True, check=True)
                for line in done.stdout.splitlines():
                    width, kernel, digest = line.split("\t")
                    digests["fused" if width in FUSED else "not fused", kernel][digest].append(f"{name}: {width}")
                    widths += [] if width in widths else [width]
            rows.append((name, "compiled", ", ".join(widths) or "not run"))
    print_table(("compiler", "", "widths"), rows)
    different = {key: found for key, found in digests.items() if len(found) > 1}
    for (group, kernel), found in different.items():
        print(f"DIFFERENT: {kernel}, {group}: {'; '.join(', '.join(names) for names in found.values())}")
    print(f"\n{len(digests) - len(different)} of {len(digests)} results have the same bits everywhere")
    return int(bool(different) or not digests)


if __name__ == "__main__":
    sys.exit(main())
