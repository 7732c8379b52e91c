"""Configurations and single values of them."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import superdsm
from superdsm import Config, ConfigError


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
