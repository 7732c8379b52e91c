"""Keys: what changes them, and what does not."""

from typing import Any

import pytest

from superdsm import Config, Stage, param
from superdsm.batch.tasks.keys import IMAGE, MissingInputError, Recipe, image_key, make_export, make_recipe
from superdsm.io.sources import Selection
from superdsm.pipeline import Pipeline
from superdsm.records import Exporter, Reader


class Early(Stage):
    """A stage."""

    id = "early"
    version = "1"
    inputs = ("image",)
    outputs = ("g_raw", "scale")
    offset = param(1.0, "A number.")


class Late(Stage):
    """Another stage."""

    id = "late"
    version = "1"
    inputs = ("g_raw",)
    outputs = ("y",)
    width = param(2.0, "A number.", auto=("scale", 1.0))


class Aside(Stage):
    """A stage that nothing depends on."""

    id = "aside"
    version = "1"
    inputs = ("image",)
    outputs = ("g_rgb",)
    stored = False


def recipe(config: dict[str, Any] | None = None, last: str | None = None, unknown: str = "") -> Recipe:
    def identity(stage: Stage) -> dict[str, Any] | None:
        return None if stage.id == unknown else {"id": stage.id, "version": stage.version}

    return make_recipe(Pipeline([Early, Aside, Late]), Config(config), identity, last)


def keys(config: dict[str, Any]) -> dict[str, str]:
    return recipe(config).keys("image")


def test_equal_config_in_any_order_of_keys_gives_equal_keys() -> None:
    one = {"early": {"offset": 2}, "late": {"width": 3, "AF_width": 2}}
    two = {"late": {"AF_width": 2.0, "width": 3.0}, "early": {"offset": 2.0}}
    assert keys(one) == keys(two)
    assert keys({}) == keys({"early": {"offset": 1}, "late": {"AF_width": 1}})


def test_a_changed_value_changes_the_keys_downstream_only() -> None:
    def changed(config: dict[str, Any]) -> set[str]:
        return {stage for stage, key in keys(config).items() if key != keys({})[stage]}

    assert changed({"late": {"width": 5}}) == {"late"}
    assert changed({"early": {"offset": 5}}) == {"early", "late"}
    assert recipe().digest not in (recipe({"late": {"width": 5}}).digest, recipe(last="aside").digest)


def test_another_image_changes_all_keys() -> None:
    one, two = recipe().keys("one"), recipe().keys("two")
    assert list(one) == list(two) == ["early", "aside", "late"]
    assert len({*one.values(), *two.values()}) == 6


def test_reading_a_config_never_changes_its_key() -> None:
    config = Config({"early": {"offset": 2}})
    before = (config.digest(), keys(config.as_dict()))
    config.get("late/width", 7)
    config.get("nothing/at/all")
    config["early"]["offset"] = 3
    list(config)
    Pipeline([Early, Late]).validate(config)
    for stage in Pipeline([Early, Late]):
        stage.resolve(config, 10.0)
    assert (config.digest(), keys(config.as_dict())) == before


def test_what_depends_on_code_that_is_not_known_has_no_key() -> None:
    found = recipe(unknown="early")
    assert [stage.keyed for stage in found.stages.values()] == [False, True, False]
    assert not any(stage.stored for stage in found.stages.values())
    assert {stage for stage, key in found.keys("image").items() if key} == {"aside"}
    assert found.digest != recipe().digest


def test_which_stage_provides_what() -> None:
    found = recipe()
    assert found.terminal_stages() == ("aside", "late")
    assert found.stages_providing_the_scale() == ("early",)
    assert found.stage_providing("y") == "late"
    assert found.stage_providing("image") == IMAGE
    assert found.stage_providing("cover") is None
    assert found.in_order({"late", "early"}) == ("early", "late")
    assert dict(found.stages["late"].inputs) == {"g_raw": "early", "scale": "early"}
    assert list(recipe(last="aside").stages) == ["early", "aside"]


def exporter(*inputs: str, version: str = "1") -> Exporter:
    return Exporter(
        name="seg", inputs=inputs, suffixes=(".png", ".tif"), version=version, write=lambda *_: None, doc="A picture."
    )


def export_key(
    made: Exporter, pattern: str = "/seg/%d.png", config: dict[str, Any] | None = None, **options: Any
) -> str:
    stages = recipe(config)
    return make_export(made, "superdsm", pattern, options, stages).key("image", stages.keys("image"))


def test_outputs_depend_on_what_they_show_and_how_but_not_on_where_they_are() -> None:
    plain = export_key(exporter("g_raw"))
    assert export_key(exporter("g_raw"), "/elsewhere/x-%d.png") == plain
    assert export_key(exporter("g_raw"), config={"late": {"width": 5}}) == plain
    others = {
        export_key(exporter("g_raw"), config={"early": {"offset": 5}}),
        export_key(exporter("g_raw"), "/seg/%d.tif"),
        export_key(exporter("g_raw"), dilate=1),
        export_key(exporter("g_raw", version="2")),
        export_key(exporter("y")),
        export_key(exporter("image")),
    }
    assert plain not in others and len(others) == 6


def test_an_exporter_without_inputs_depends_on_everything() -> None:
    plain = export_key(exporter())
    assert export_key(exporter(), config={"late": {"width": 5}}) != plain
    unknown = recipe(unknown="late")
    made = make_export(exporter(), "superdsm", "/%d.png", {}, unknown)
    assert made.everything and made.key("image", unknown.keys("image")) == ""


def test_the_first_alternative_that_is_provided_is_taken() -> None:
    made = make_export(exporter("cover|y"), "superdsm", "/%d.png", {}, recipe())
    assert made.inputs == (("y", "late"),)
    with pytest.raises(MissingInputError, match="does not provide the field cover or objects"):
        make_export(exporter("cover|objects"), "superdsm", "/%d.png", {}, recipe())


def test_the_key_of_an_image_says_which_plane_is_read() -> None:
    reader = Reader(name="tiff", suffixes=(".tif",), read=lambda path: None, version="1")
    plain = image_key("digest", reader, "superdsm")
    assert image_key("digest", reader, "superdsm", Selection()) == plain
    others = {
        image_key("digest", reader, "superdsm", Selection(channel=1)),
        image_key("other", reader, "superdsm"),
        image_key("digest", reader, "another"),
    }
    assert plain not in others and len(others) == 3
