"""Settings as a person asks for them: a name, or a TOML file."""

import tomllib
from pathlib import Path

from hounsfield.errors import SettingsError
from hounsfield.radiomics import RadiomicsSettings, named_settings, settings_from

MAX_BYTES = 2**20


def asked_settings(text: str) -> RadiomicsSettings:
    """Return the settings of a name such as ``ibsi-c``, or those of a file that ends in ``.toml``.

    Raises:
        SettingsError: ``E960`` no settings have this name, ``E961`` the file cannot be read or a key in it be used.

    Example:
        >>> asked_settings("ibsi-c").spacing_mm
        (2.0, 2.0, 2.0)
    """
    if not text.lower().endswith(".toml"):
        return named_settings(text)
    path = Path(text)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SettingsError("E961", file=path.name, found=f"> {MAX_BYTES} B")
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError("E961", file=path.name, found=error.strerror or type(error).__name__) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, lists within lists without end
        raise SettingsError("E961", file=path.name, found=str(error)) from error
    return settings_from(document, path.name)
