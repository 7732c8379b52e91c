#!/usr/bin/env bash
# Tests the kernels in a build that finds wrong memory accesses, in a copy of the checkout:
#   tools/sanitize.sh bounds    indices of memoryviews are checked by Cython
#   tools/sanitize.sh address   AddressSanitizer and UndefinedBehaviorSanitizer of the compiler (Linux)
# Further arguments go to pytest instead of the usual tests. Needs the packages that the tests need, of the `python` on the
# path (or $PYTHON). Fails if a test fails or if a sanitizer has something to say.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:?give bounds or address}
shift
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
if [ $# -eq 0 ]; then set -- -q -m "not process and not slow and not parity" tests/core; fi
LD_PRELOAD=$preload "$python" -m pytest -p no:cacheprovider "$@"
