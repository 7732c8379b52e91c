#!/usr/bin/env bash
# Tests the kernels in a build that finds wrong memory accesses, in a copy of the checkout:
#   tools/sanitize.sh bounds    indices of memoryviews are checked by Cython
#   tools/sanitize.sh address   AddressSanitizer and UndefinedBehaviorSanitizer of the compiler (Linux)
# The tests are those below tests/core that are quick (-m "not process"); with `short` as second argument only those that
# compare kernels with their twins and with definitions. Other arguments go to pytest instead. Needs the packages that the
# tests need, of the `python` on the path (or $PYTHON). Fails if a test fails or if a sanitizer has something to say.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?give bounds or address}
shift
# One file per kernel or more; the others below tests/core are of what is written in Python.
short="distance energy_minimization exact_cover filters graph labels model postprocess refine region_analysis scale
    setcover simd watershed clusters"
python=$(command -v "${PYTHON:-python}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/superdsm"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/superdsm"
if [ -d ../shared ]; then ln -s "$(realpath ../shared)" "$work/shared"; fi
cd "$work/superdsm"
preload=
case $kind in
    bounds) export SUPERDSM_CYTHON_DEBUG=1 ;;
    address)
        export CFLAGS="-g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"
        export LDFLAGS="-fsanitize=address,undefined"
        preload="$("${CC:-gcc}" -print-file-name=libasan.so) $("${CC:-gcc}" -print-file-name=libstdc++.so)"
        # The interpreter and its libraries never free some of their memory; that is not what is looked for.
        export ASAN_OPTIONS=detect_leaks=0:strict_string_checks=1:abort_on_error=1
        export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
        export PYTHONMALLOC=malloc
        ;;
    *) echo "unknown kind of build: $kind" >&2; exit 2 ;;
esac
"$python" setup.py -q build_ext --inplace
if [ "$kind" = address ] && ! grep -q __asan_report superdsm/_ext/model.*.so; then
    echo "the kernels were built without the sanitizers; is there a compiler flag in the way?" >&2
    exit 1
fi
tests=tests/core
if [ "${1:-}" = short ]; then
    tests=$(printf 'tests/core/test_%s.py ' $short)
    shift
fi
# shellcheck disable=SC2086 - several files
if [ $# -eq 0 ]; then set -- -q -m "not process" $tests; fi
LD_PRELOAD=$preload "$python" -m pytest -p no:cacheprovider "$@"
