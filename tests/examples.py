"""With how many examples a property is tried: a fifth of them where a quick answer is wanted."""

from hypothesis import settings

USUAL = settings.default.max_examples
FEW = 5


def be_quick() -> None:
    """Try properties with fewer examples; to be called before the tests are imported."""
    settings.register_profile("quick", max_examples=USUAL // 5)
    settings.load_profile("quick")


def examples(number: int) -> int:
    """Return the ``max_examples`` of a test, of which the usual number is given."""
    return max(min(FEW, number), number * settings.default.max_examples // USUAL)
