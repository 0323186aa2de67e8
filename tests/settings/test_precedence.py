"""Of every setting, in every combination of its sources: the strongest that speaks wins, and no other is heard."""

import itertools
from pathlib import Path

import pytest

from hounsfield.errors import SettingsError
from hounsfield.settings import PREFIX, Settings, read_settings, spoken_language

VALUES: dict[str, tuple[object, object, object]] = {
    "language": ("zh", "en", "zh"),
    "threads": (1, 2, 3),
    "max_files": (10, 20, 30),
    "max_pixel_bytes": (2000, 3000, 4000),
    "max_archive_bytes": (5000, 6000, 7000),
    "isolated": (False, True, False),
    "models_folder": ("/file", "/variable", "/flag"),
    "store_folder": ("/file", "/variable", "/flag"),
    "host": ("::1", "10.0.0.1", "0.0.0.0"),
    "port": (1, 2, 3),
    "hosts": ("a", "b", "c,d"),
    "tls_certificate": ("/file", "/variable", "/flag"),
    "tls_key": ("/file", "/variable", "/flag"),
    "behind_proxy": (True, False, True),
    "oidc_issuer": ("https://a", "https://b", "https://c"),
    "oidc_audience": ("a", "b", "c"),
    "oidc_keys": ("/file", "/variable", "/flag"),
    "dicom_port": (104, 4242, 0),
    "dicom_ae_title": ("A", "B", "C"),
    "audit_strict": (True, False, True),
}
PATHS = {"models_folder", "store_folder", "tls_certificate", "tls_key", "oidc_keys"}
"""What the file, the variable and the flag say."""
SOURCES = list(itertools.product([False, True], repeat=3))


def read(folder: Path, key: str, speaking: tuple[bool, bool, bool]) -> Settings:
    """Read settings of which one is given by some of file, variable and flag."""
    in_file, in_variable, in_flag = speaking
    of_file, of_variable, of_flag = VALUES[key]
    path = folder / "hounsfield.toml"
    quoted = f'"{of_file}"' if isinstance(of_file, str) else str(of_file).lower()
    path.write_text(f"{key} = {quoted}\n" if in_file else "", encoding="utf-8")
    variables = {PREFIX + "SETTINGS": str(path)}
    if in_variable:
        variables[PREFIX + key.upper()] = str(of_variable)
    return read_settings({key: of_flag if in_flag else None}, variables)


def test_no_setting_is_left_out():
    assert set(VALUES) == set(Settings.model_fields)


@pytest.mark.parametrize("speaking", SOURCES)
@pytest.mark.parametrize("key", VALUES)
def test_the_strongest_source_that_speaks_wins(tmp_path: Path, key: str, speaking: tuple[bool, bool, bool]):
    found = read(tmp_path, key, speaking)
    said = [value for value, speaks in zip(VALUES[key], speaking, strict=True) if speaks]
    expected = said[-1] if said else getattr(Settings(), key)
    assert getattr(found, key) == (Path(str(expected)) if key in PATHS and said else expected)
    others = Settings.model_fields.keys() - {key}
    assert all(getattr(found, other) == getattr(Settings(), other) for other in others)


@pytest.mark.parametrize("key", VALUES)
def test_an_empty_variable_says_nothing(tmp_path: Path, key: str):
    assert read_settings({}, {PREFIX + key.upper(): ""}, tmp_path) == Settings()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", "-1"),
        ("threads", "1025"),
        ("threads", "1.5"),
        ("language", "EN"),
        ("max_files", "0"),
        ("port", "65536"),
        ("port", "-1"),
        ("behind_proxy", "perhaps"),
        ("max_pixel_bytes", "1023"),
        ("max_archive_bytes", "a lot"),
        ("isolated", "perhaps"),
    ],
)
def test_a_wrong_value_is_named_by_key_and_ends_as_a_usage_error(tmp_path: Path, key: str, value: str):
    variables = {PREFIX + key.upper(): value}
    with pytest.raises(SettingsError) as caught:
        read_settings({}, variables, tmp_path)
    assert (caught.value.code, caught.value.exit_code) == ("E701", 2)
    for language in ("en", "zh"):
        assert key in caught.value.text(language)
        assert value in caught.value.text(language)
    assert len({caught.value.text(language) for language in ("en", "zh")}) == 2


@pytest.mark.parametrize("speaking", SOURCES)
def test_equal_settings_have_one_digest_wherever_they_come_from(tmp_path: Path, speaking: tuple[bool, bool, bool]):
    found = read(tmp_path, "threads", speaking)
    assert found.digest() == Settings(threads=found.threads).digest()
    assert (found.digest() == Settings().digest()) is (not any(speaking))


def test_the_flag_is_spoken_whatever_the_settings_say(monkeypatch: pytest.MonkeyPatch):
    for variable, flag in itertools.product(("en", "zh", "fr"), ("en", "zh")):
        monkeypatch.setenv("HOUNSFIELD_LANGUAGE", variable)
        assert spoken_language(flag) == flag
    assert spoken_language() == "en"  # French is no language of ours, and the error must still be told
