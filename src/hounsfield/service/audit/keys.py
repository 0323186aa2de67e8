"""The Ed25519 key that signs the head and the checkpoints of the audit log.

The private key lies beside the log with mode 0600. Whoever holds it can write another log, so the public key, and
now and then a checkpoint, belong on another machine (``hounsfield audit verify --anchor``).
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hounsfield.errors import AuditError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


@dataclass(frozen=True)
class Signer:
    """Signs what the log says of itself."""

    key: "Ed25519PrivateKey"

    def sign(self, text: str) -> str:
        """Return the signature of a text, in hexadecimal digits."""
        return self.key.sign(text.encode("ascii")).hex()

    def verifier(self) -> "Verifier":
        """Return what checks the signatures."""
        return Verifier(self.key.public_key())


@dataclass(frozen=True)
class Verifier:
    """Checks what a :class:`Signer` signed."""

    key: "Ed25519PublicKey"

    def accepts(self, text: str, signature: str) -> bool:
        """Say whether the signature is that of the text."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(bytes.fromhex(signature), text.encode("ascii"))
        except (InvalidSignature, ValueError):
            return False
        return True

    def text(self) -> str:
        """Return the public key in hexadecimal digits."""
        return self.key.public_bytes_raw().hex()


def open_signer(path: Path) -> Signer:
    """Return the signer of a key file, which is made where there is none.

    Raises:
        AuditError: ``E279``, the file cannot be read or written, or is no key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(Ed25519PrivateKey.generate().private_bytes_raw().hex())
                file.flush()
                os.fsync(file.fileno())
        return Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii"))))
    except (OSError, ValueError) as error:
        raise AuditError("E279", found=type(error).__name__) from error


def verifier_of(public: str) -> Verifier:
    """Return the verifier of a public key written as hexadecimal digits.

    Raises:
        AuditError: ``E279``, these are not the digits of a key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        return Verifier(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    except ValueError as error:
        raise AuditError("E279", found=type(error).__name__) from error
