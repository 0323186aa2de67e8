"""Every error that Hounsfield raises on purpose, drawn once.

    HounsfieldError
    ├── ArchiveError            where studies live
    │   ├── NotFound            the path or UID is not there
    │   ├── Refused             the source is there, and is not fit to be taken
    │   ├── Conflict            one UID, two contents
    │   └── Timeout             no answer in time
    ├── DeidError
    │   └── ResidualIdentity    an identifier is left after de-identification
    ├── ImageError
    │   ├── Undecodable         the pixels cannot be decoded, or not within the limits
    │   ├── InconsistentSeries  the instances do not make one volume
    │   ├── UnsupportedModality no reader, or no task, takes this kind of object
    │   └── EnhancedPixels      the samples were made to be looked at, and cannot be measured
    ├── PrepareError
    │   └── NotInvertible       a step cannot be undone
    ├── ModelError
    │   ├── ManifestMismatch    the package's manifest is not valid
    │   ├── WeightsMismatch     a part of the package is not what its digest says
    │   └── OutOfScope          the image is outside what the model was made for
    ├── ReportError
    │   └── Unencodable         a finding cannot be written in this form
    ├── SettingsError           a setting or an argument is wrong
    ├── DatasetError            a data set cannot be used for training or evaluation
    ├── AccessError             the service's doors
    │   ├── Unauthenticated     nobody is known, or what was shown is not accepted
    │   ├── Forbidden           somebody is known, and may not do this
    │   ├── Throttled           too many attempts
    │   └── BadRequest          the request itself is not acceptable, whoever sends it
    └── AuditError              the audit log cannot be written, read or trusted

The exit code of each class is what the command line returns: 1 run error, 2 usage, 3 refused input.
"""

from hounsfield.messages import Language, next_step, sentence


class HounsfieldError(Exception):
    """The root: a stable code, the UID it concerns and the facts that its sentence names.

    Args:
        code: key of the message catalogue, such as ``E301``; it never changes its meaning.
        uid: the DICOM UID concerned; never a patient's name.
        **facts: what the sentence of the code names (``found``, ``expected``, ...).
    """

    exit_code = 1

    def __init__(self, code: str, *, uid: str | None = None, **facts: object) -> None:
        self.code = code
        self.uid = uid
        self.facts = facts
        super().__init__(f"{code}: {sentence(code, facts)} {next_step(code, facts)}".strip())

    def text(self, language: Language = "en") -> str:
        """Return what was found and what was expected, in a language."""
        return sentence(self.code, self.facts, language)

    def next_step(self, language: Language = "en") -> str:
        """Return the one next action, in a language."""
        return next_step(self.code, self.facts, language)


class ArchiveError(HounsfieldError):
    """A place where studies live did not answer as it should."""

    exit_code = 3


class NotFound(ArchiveError):
    """The path or the UID is not there."""


class Refused(ArchiveError):
    """The source is there, and is not fit to be taken."""


class Conflict(ArchiveError):
    """One UID stands for two different contents."""


class Timeout(ArchiveError):
    """No answer came in time."""

    exit_code = 1


class DeidError(HounsfieldError):
    """De-identification did not succeed."""


class ResidualIdentity(DeidError):
    """An identifier is left after de-identification."""


class ImageError(HounsfieldError):
    """Instances could not be made into an image."""

    exit_code = 3


class Undecodable(ImageError):
    """The pixels cannot be decoded, or not within the limits."""


class InconsistentSeries(ImageError):
    """The instances do not make one volume."""


class UnsupportedModality(ImageError):
    """No reader, or no task, takes this kind of object."""


class EnhancedPixels(ImageError):
    """The samples were made to be looked at: what is measured on them would be wrong."""


class PrepareError(HounsfieldError):
    """A preparing step cannot be applied."""


class NotInvertible(PrepareError):
    """A preparing step cannot be undone."""


class ModelError(HounsfieldError):
    """A model package or its use is at fault."""

    exit_code = 3


class ManifestMismatch(ModelError):
    """The package's manifest is not valid."""


class WeightsMismatch(ModelError):
    """A part of the package is not what its digest says."""


class OutOfScope(ModelError):
    """The image is outside what the model was made for."""


class ReportError(HounsfieldError):
    """A report could not be written."""


class Unencodable(ReportError):
    """A finding cannot be written in this form."""


class SettingsError(HounsfieldError):
    """A setting or an argument is wrong."""

    exit_code = 2


class DatasetError(HounsfieldError):
    """A data set cannot be used for training or evaluation."""

    exit_code = 3


class AccessError(HounsfieldError):
    """The doors of the service do not work as they should."""


class Unauthenticated(AccessError):
    """Nobody is known, or what was shown is not accepted."""

    exit_code = 3


class Forbidden(AccessError):
    """Somebody is known, and may not do this."""

    exit_code = 3


class Throttled(AccessError):
    """Too many attempts."""

    exit_code = 3


class BadRequest(AccessError):
    """The request itself is not acceptable, whoever sends it."""

    exit_code = 3


class AuditError(HounsfieldError):
    """The audit log cannot be written, read or trusted."""
