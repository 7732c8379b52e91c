#!/usr/bin/env bash
# Compares the stubs of the kernels with the kernels as built, by the `python` on the path (or $PYTHON).
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${PYTHON:-python}" -m mypy.stubtest superdsm._ext --mypy-config-file pyproject.toml --ignore-disjoint-bases \
    --ignore-unused-allowlist --allowlist tools/stubtest-allowlist.txt
