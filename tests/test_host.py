"""What this machine allows."""

import sys

import pytest

from superdsm.errors import SuperDSMError
from superdsm.host import LEAST_MEMORY, check_memory_limit


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_limit_of_the_memory_that_is_too_low_is_told_before_libraries_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (LEAST_MEMORY - 1, resource.RLIM_INFINITY))
    with pytest.raises(SuperDSMError, match=r"limited to 399 MB, too little .* raise the limit to 400 MB"):
        check_memory_limit()
    for enough in (LEAST_MEMORY, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda kind, enough=enough: (enough, enough))
        check_memory_limit()
