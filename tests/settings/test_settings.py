"""Settings: order of precedence, unknown keys, and nothing required."""

import pytest

from hounsfield.errors import SettingsError
from hounsfield.settings import Settings, launched_rank, read_settings, spoken_language


def test_defaults_need_nothing(tmp_path):
    settings = read_settings(environment={}, home=tmp_path)
    assert settings == Settings()
    assert settings.language == "en"


def test_flags_win_over_variables_over_file_over_defaults(tmp_path):
    path = tmp_path / "hounsfield.toml"
    path.write_text('language = "zh"\nthreads = 3\nmax_files = 7\n', encoding="utf-8")
    variables = {"HOUNSFIELD_SETTINGS": str(path), "HOUNSFIELD_THREADS": "2"}
    settings = read_settings({"threads": 1}, variables)
    assert (settings.language, settings.threads, settings.max_files) == ("zh", 1, 7)
    assert read_settings({"threads": None}, variables).threads == 2


def test_the_users_folder_is_read_when_no_file_is_named(tmp_path):
    folder = tmp_path / ".config" / "hounsfield"
    folder.mkdir(parents=True)
    (folder / "hounsfield.toml").write_text("threads = 5\n", encoding="utf-8")
    assert read_settings(environment={}, home=tmp_path).threads == 5
    elsewhere = tmp_path / "other"
    assert read_settings(environment={"XDG_CONFIG_HOME": str(elsewhere)}, home=tmp_path).threads == 0


@pytest.mark.parametrize(
    "text", ["languag = 'en'\n", "threads = -1\n", "language = 'fr'\n", "threads = 'many'\n", "max_files = 0\n"]
)
def test_wrong_keys_and_values_are_named(tmp_path, text):
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_settings(environment={"HOUNSFIELD_SETTINGS": str(path)})
    assert caught.value.code == "E701"
    assert text.split(" =")[0] in caught.value.text()
    assert "language" in caught.value.next_step()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("content", [b"= broken", b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "s.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_settings(environment={"HOUNSFIELD_SETTINGS": str(path)})
    assert caught.value.code == "E702"


def test_other_variables_are_left_alone(tmp_path):
    assert read_settings(environment={"HOUNSFIELD_SHARED_DATA": "/x", "THREADS": "9"}, home=tmp_path) == Settings()


def test_the_digest_follows_the_values():
    assert Settings().digest() == Settings().digest()
    assert Settings().digest() != Settings(threads=1).digest()
    assert len(Settings().digest()) == 64


def test_settings_are_frozen_and_described():
    with pytest.raises(ValueError, match="frozen"):
        Settings().language = "zh"
    assert all(field.description for field in Settings.model_fields.values())


def test_the_language_of_messages_never_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("HOUNSFIELD_LANGUAGE", "zh")
    assert spoken_language() == "zh"
    assert spoken_language("en") == "en"
    assert spoken_language("fr") == "en"
    monkeypatch.setenv("HOUNSFIELD_SETTINGS", str(tmp_path / "missing.toml"))
    assert spoken_language("zh") == "en"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, 0), ({"RANK": "3"}, 0), ({"RANK": "3", "TORCHELASTIC_RUN_ID": "x"}, 3),
     ({"TORCHELASTIC_RUN_ID": "x"}, 0), ({"RANK": "one", "TORCHELASTIC_RUN_ID": "x"}, 0)],
)  # fmt: skip
def test_the_rank_is_that_of_a_launch_by_torchrun(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: int
) -> None:
    for name in ("RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert launched_rank() == expected
