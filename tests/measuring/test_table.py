"""Tables: each value once, NaN as nothing, what failed as a row, all settings, and nothing overwritten."""

import csv
import io
import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest

from hounsfield import __version__
from hounsfield.core.quality import QualityIssue, Severity
from hounsfield.errors import SettingsError
from hounsfield.measuring import table
from hounsfield.measuring.asked import asked_settings
from hounsfield.measuring.run import MeasuredRegion, MeasuringOptions, measure
from hounsfield.measuring.sources import find_sources
from hounsfield.measuring.table import as_csv, as_json, require_writable, rows_of, settings_json, write_table
from hounsfield.radiomics import RadiomicsSettings, settings_from
from tests.measuring.cases import write_case

FAST = settings_from({"families": ["intensity-statistics", "morphology"]}, "fast")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[MeasuredRegion, ...]:
    """Two regions, one value of the second made undefined, and a case that failed."""
    files = write_case(tmp_path_factory.mktemp("case"))
    good = measure(find_sources(*files), MeasuringOptions(FAST))
    features = (replace(good[1].found.features[0], value=math.nan), *good[1].found.features[1:])
    undefined = replace(good[1], found=replace(good[1].found, features=features))
    fault = QualityIssue("E963", Severity.REJECT, {"found": "any label"})
    failed = MeasuredRegion(replace(good[0].source, identifier="third"), fault=fault)
    return good[0], undefined, failed


def test_json_of_one_region_is_its_features_with_every_setting(measured: tuple[MeasuredRegion, ...]) -> None:
    told = as_json(measured[:1])
    first = told["features"][0]
    assert set(first) == {"ibsi_id", "name", "aggregation", "value", "unit", "is_compliant", "tag", "family", "filter"}
    assert set(told["settings"]) == {field.name for field in fields(RadiomicsSettings)}
    assert told["software"] == {"name": "hounsfield", "version": __version__}
    assert "medical device" in told["disclaimer"]
    assert [item["role"] for item in told["inputs"]] == ["image", "mask"]
    assert all(len(item["sha256"]) == 64 for item in told["inputs"])
    assert len(told["features"]) == len(measured[0].found.features) == 47


def test_settings_come_back_from_their_json(measured: tuple[MeasuredRegion, ...]) -> None:
    told = json.loads(json.dumps(as_json(measured[:1])["settings"]))
    assert settings_from(told, "json") == FAST
    for name in ("ibsi-a", "ibsi-e", "default-2d"):
        assert settings_from(settings_json(asked_settings(name)), name) == asked_settings(name)


def test_json_of_several_has_null_for_undefined_and_the_error_of_what_failed(
    measured: tuple[MeasuredRegion, ...],
) -> None:
    told = as_json(measured, "zh")
    assert [one["status"] for one in told["regions"]] == ["measured", "measured", "failed"]
    assert told["regions"][1]["features"][0]["value"] is None
    assert told["regions"][2]["error"]["code"] == "E963"
    assert "掩膜" in told["regions"][2]["error"]["text"]
    json.dumps(told, allow_nan=False)


def test_csv_has_a_row_a_region_and_a_column_a_tag(measured: tuple[MeasuredRegion, ...]) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(measured))))
    assert [(row["id"], row["label"], row["error"]) for row in rows] == [
        ("image", "2", ""), ("image", "7", ""), ("third", "", "E963"),
    ]  # fmt: skip
    for feature in measured[0].found.features:
        assert float(rows[0][feature.tag]) == feature.value
    assert rows[1][measured[1].found.features[0].tag] == ""
    assert rows[2]["stat_mean"] == ""
    assert json.loads(rows[0]["settings_json"]) == settings_json(FAST)


def test_long_has_a_row_a_feature_with_its_identifier(measured: tuple[MeasuredRegion, ...]) -> None:
    rows = list(rows_of(measured, is_long=True))
    assert len(rows) == 47 + 47 + 1
    mean = next(row for row in rows if row["tag"] == "stat_mean")
    assert (mean["ibsi_id"], mean["family"], mean["is_compliant"]) == ("Q4LE", "intensity-statistics", True)
    assert rows[-1]["error"] == "E963"
    assert len({tuple(row) for row in rows}) == 1


def test_files_are_whole_and_never_overwritten(measured: tuple[MeasuredRegion, ...], tmp_path: Path) -> None:
    for name in ("features.csv", "features.json"):
        path = write_table(measured, tmp_path / "new" / name)
        content = path.read_bytes()
        with pytest.raises(SettingsError, match="E340"):
            write_table(measured, path)
        assert path.read_bytes() == content
    assert json.loads(content) == json.loads(json.dumps(as_json(measured)))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["features.csv", "features.json"]


def test_other_endings_are_no_table(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="E975"):
        require_writable(tmp_path / "features.xlsx")


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(SettingsError, match=r"E976.*hounsfield\[table\]"):
        require_writable(tmp_path / "features.parquet")


def test_parquet_keeps_numbers_as_numbers(measured: tuple[MeasuredRegion, ...], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for is_long in (False, True):
        path = write_table(measured, tmp_path / f"{is_long}.parquet", is_long=is_long)
        assert parquet.read_table(path).to_pylist() == [
            {**dict.fromkeys(parquet.read_table(path).column_names), **row}
            for row in rows_of(measured, is_long=is_long)
        ]


class Recorder:
    """Stands for pyarrow: keeps what would be written."""

    def __init__(self) -> None:
        self.written: dict[str, list] = {}

    @staticmethod
    def table(columns: dict[str, list]) -> dict[str, list]:
        return columns

    def write_table(self, columns: dict[str, list], path: Path) -> None:
        self.written.update(columns)
        path.write_bytes(b"PAR1")


def test_columns_of_parquet_are_as_long_as_the_rows(
    measured: tuple[MeasuredRegion, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(table, "_pyarrow", lambda: (recorder, recorder))
    write_table(measured, tmp_path / "features.parquet")
    assert {len(values) for values in recorder.written.values()} == {3}
    assert recorder.written["stat_mean"] == [
        measured[0].found.value("stat_mean"), measured[1].found.value("stat_mean"), None,
    ]  # fmt: skip


# ---- settings as they are asked for


def test_a_file_of_settings_is_read_with_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\nspacing_mm = [1, 1, 1]\n[discretisation]\nnumber = 16\n', encoding="utf-8")
    found = asked_settings(str(path))
    assert (found.name, found.spacing_mm, found.discretisation.number) == ("mine", (1, 1, 1), 16)
    assert found.interpolation == "linear"


@pytest.mark.parametrize("text", ["bins = 3\n", "spacing_mm = [1,\n", "\xff", 'discretisation = "x"\n'])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"E961.*mine\.toml"):
        asked_settings(str(path))


def test_a_name_or_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="E960"):
        asked_settings("ibsi-z")
    with pytest.raises(SettingsError, match="E961"):
        asked_settings(str(tmp_path / "none.toml"))
    (tmp_path / "large.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(SettingsError, match="E961"):
        asked_settings(str(tmp_path / "large.toml"))
