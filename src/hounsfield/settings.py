"""Settings: one frozen tree, and the only reader of the environment and of settings files.

Order, later wins: defaults, ``hounsfield.toml`` (the file named by ``HOUNSFIELD_SETTINGS``, else the one in the user's
configuration folder), ``HOUNSFIELD_*`` variables, flags. No variable is required.
"""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hounsfield.errors import SettingsError
from hounsfield.messages import Language

PREFIX = "HOUNSFIELD_"


class Settings(BaseModel):
    """Everything that can be set; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Language = Field("en", description="Language of messages, pages and reports: en or zh.")
    models_folder: Path | None = Field(None, description="Folder with further model packages, beside the starters.")
    threads: int = Field(
        0, ge=0, le=1024, description="Threads for running networks; 0 takes the cores of the machine."
    )
    max_pixel_bytes: int = Field(
        2 * 1024**3, ge=1024, description="Largest size of the decoded pixels of one series, in bytes."
    )
    max_archive_bytes: int = Field(
        8 * 1024**3, ge=1024, description="Largest size of everything extracted from one zip file, in bytes."
    )
    isolated: bool = Field(
        True,
        description="Decode compressed pixels in a process of their own, which a damaged file may crash without harm.",
    )
    max_files: int = Field(50_000, ge=1, description="Largest number of files taken from one folder or zip file.")
    store_folder: Path | None = Field(
        None, description="Folder of the service's store; one of the user's own by default."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address that the service listens on.")
    port: int = Field(8042, ge=0, le=65535, description="Port that the service listens on; 0 takes a free one.")
    hosts: str = Field("", description="Further names that the service answers to, separated by commas.")
    tls_certificate: Path | None = Field(None, description="Certificate chain of the service, PEM.")
    tls_key: Path | None = Field(None, description="Key of the certificate, PEM.")
    behind_proxy: bool = Field(False, description="A proxy before the service gives TLS, and alone can reach it.")
    oidc_issuer: str = Field("", description="OpenID Connect issuer whose tokens are accepted; none by default.")
    oidc_audience: str = Field("", description="What these tokens must be made for.")
    oidc_keys: Path | None = Field(None, description="File with the issuer's public keys, a JWKS.")
    dicom_port: int = Field(
        11112, ge=0, le=65535, description="Port for DICOM peers, where the store has a peers.toml; 0 takes a free one."
    )
    dicom_ae_title: str = Field(
        "HOUNSFIELD", min_length=1, max_length=16, description="AE title that DICOM peers must call."
    )
    audit_strict: bool = Field(False, description="Refuse reading too while the audit log cannot be written.")

    def digest(self) -> str:
        """Return the SHA-256 of the resolved settings, for provenance."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def read_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> Settings:
    """Read the settings from file, environment and flags, later ones winning.

    Args:
        flags: values given on the command line; None values are ignored.
        environment: variables to read, the process's own when None.
        home: the user's folder, for tests.

    Raises:
        SettingsError: ``E701`` for an unknown key or a wrong value, ``E702`` for a file that cannot be read.
    """
    variables = os.environ if environment is None else environment
    values = _from_file(variables, home)
    fields = Settings.model_fields
    for name, text in variables.items():
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and key in fields and text != "":
            values[key] = text
    values.update({key: value for key, value in (flags or {}).items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            "E701", name=name, found=first.get("input"), expected=first["msg"], known=", ".join(fields)
        ) from error


def store_folder(settings: Settings, environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the store: that of the settings, else one in the user's data folder (XDG)."""
    if settings.store_folder is not None:
        return settings.store_folder
    data = (os.environ if environment is None else environment).get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "hounsfield" / "store"


def spoken_language(flag: str | None = None) -> Language:
    """Return the language to speak in, English where the settings themselves are at fault: this never raises."""
    try:
        return read_settings({"language": flag}).language
    except SettingsError:
        return "en"


def calm_threads() -> None:
    """Let threads of arithmetic that wait sleep after some microseconds; call it before torch is imported.

    By default they wait by spinning, which takes the time of whatever else runs on the machine: a training beside one
    other process took nine times as long. The variable is OpenMP's (libgomp) and is left alone where it is set.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")


def launched_rank() -> int:
    """Return the number of this process among those that ``torchrun`` started together, 0 for one alone."""
    rank = os.environ.get("RANK", "0") if "TORCHELASTIC_RUN_ID" in os.environ else "0"
    return int(rank) if rank.isdigit() else 0


def _from_file(variables: Mapping[str, str], home: Path | None) -> dict[str, Any]:
    named = variables.get(PREFIX + "SETTINGS")
    folder = (
        Path(variables["XDG_CONFIG_HOME"]) if variables.get("XDG_CONFIG_HOME") else (home or Path.home()) / ".config"
    )
    path = Path(named) if named else folder / "hounsfield" / "hounsfield.toml"
    if not named and not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError("E702", found=path.name, cause=type(error).__name__) from error
