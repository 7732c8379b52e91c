"""Configurations and single values of them."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import superdsm
from superdsm import Config, ConfigError
from superdsm.config import parse_json


def test_paths_are_namespaces() -> None:
    nested = Config({"AF_scale": 40, "dsm": {"alpha": 0.5, "epsilon": 1.0}})
    assert Config({"dsm/alpha": 0.5, "AF_scale": 40, "dsm": {"epsilon": 1.0}}) == nested
    assert Config({"AF_scale": 40, "dsm": {"alpha": 3, "epsilon": 1.0}}).merged({"dsm/alpha": 0.5}) == nested


@pytest.mark.parametrize("data", [{"dsm/alpha": 1, "dsm": {"alpha": 1}}, {"dsm/alpha": 1, "dsm": 3}])
def test_a_value_that_is_given_twice(data: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"'dsm/alpha'.*; remove one of them"):
        Config(data)


def test_a_value_that_is_given_twice_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"dsm/alpha": 1, "dsm": {"alpha": 1}}')
    with pytest.raises(ConfigError, match=r"c\.json: 'dsm/alpha' is given twice"):
        Config.from_file(tmp_path / "c.json")


DEEP = {
    "lists": "[" * 5000 + "]" * 5000,
    "objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "a few levels too many": "[" * 102 + "]" * 102,
    "open lists": "[" * 100_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_values_that_are_nested_without_end(name: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(f'{{"x": {DEEP[name]}}}')
    with pytest.raises(ConfigError, match=r"c\.json: values are nested in more than 100 levels; remove some"):
        Config.from_file(tmp_path / "c.json")
    nested: dict[str, object] = {}
    for _ in range(5000):
        nested = {"a": nested}
    with pytest.raises(ConfigError, match="nested in more than 100 levels"):
        Config(nested)
    with pytest.raises(ConfigError, match="nested in more than 100 levels"):
        Config().with_value("a/" * 3000 + "b", 1)
    assert parse_json("[" * 100 + "]" * 100, "")


def test_a_number_that_python_does_not_read() -> None:
    with pytest.raises(ConfigError, match="c: a number has more digits than can be read; give one that is shorter"):
        parse_json(f'{{"x": {5000 * "9"}}}', "c")


def test_many_keys_take_no_time() -> None:
    keys = [f'"k{number}": 1' for number in range(100_000)]
    with pytest.raises(ConfigError, match="the key 'k50000' stands twice"):
        parse_json("{" + ", ".join([*keys, keys[50_000]]) + "}", "c")


def test_numbers_of_numpy() -> None:
    config = Config({"AF_scale": np.float32(1.5), "dsm": {"a": np.int64(4)}, "histological": np.bool_(True)})
    assert config == Config({"AF_scale": 1.5, "dsm": {"a": 4}, "histological": True})
    with pytest.raises(ConfigError, match="made of JSON values"):
        Config({"AF_scale": np.zeros(2)})


def test_a_namespace_takes_no_value() -> None:
    with pytest.raises(ConfigError, match="'dsm' holds hyperparameters and takes no value; write 'dsm/alpha'"):
        superdsm.default_pipeline().validate(Config({"dsm": 3}))


def test_segment_takes_an_array_not_a_path() -> None:
    with pytest.raises(superdsm.ImageError, match=r"cells\.png: an array is needed"):
        superdsm.segment("cells.png")


def test_a_result_shows_itself_in_a_line() -> None:
    text = repr(superdsm.segment(np.zeros((4, 4))))
    assert text.startswith("<Result: 0 objects, ") and "\n" not in text


def test_the_stage_that_makes_nan_is_the_one_that_failed() -> None:
    class Holes(superdsm.Stage):
        """Not a number."""

        id = "holes"
        inputs = ("g_raw",)
        outputs = ("y",)

        def process(self, ctx: superdsm.StageContext, *, g_raw: np.ndarray) -> dict[str, np.ndarray]:
            return {"y": g_raw * np.nan}

    pipeline = superdsm.default_pipeline().replace("preprocess", Holes)
    with pytest.raises(superdsm.StageError, match="holes: the field 'y' has NaN"):
        superdsm.segment(np.eye(9), {"AF_scale": 2}, pipeline=pipeline)


def test_errors_say_which_hyperparameters_they_are_about() -> None:
    for data, paths in [
        ({"dsm/alpha": 1, "dsm": {"alpha": 2}}, ("dsm/alpha",)),
        ({"dsm": 1, "dsm/alpha": 2}, ("dsm", "dsm/alpha")),
    ]:
        with pytest.raises(ConfigError) as caught:
            Config(data)
        assert caught.value.paths == paths
        again = pickle.loads(pickle.dumps(caught.value))
        assert (str(again), again.paths) == (str(caught.value), paths)


def test_the_file_of_a_configuration_is_told_without_losing_the_hyperparameter(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text('{"dsm/alpha": 1, "dsm": {"alpha": 2}}')
    with pytest.raises(ConfigError, match=r"c\.json") as caught:
        Config.from_file(tmp_path / "c.json")
    assert caught.value.paths == ("dsm/alpha",)
