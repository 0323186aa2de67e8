"""What a plan says of the weights it starts from, and what a recipe may ask for."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(frozen=True, extra="forbid")

FREEZE_EPOCHS, TRUNK_RATE = 1.0, 0.3


class TransferRecipe(BaseModel):
    """Where the weights come from and how they are learned on.

    Attributes:
        source: a model package by path or name, or a file of weights (``.safetensors``, ``.pt``, ``.pth``).
        sha256: what the weights have to be; empty takes them as they are.
        freeze_epochs: epochs in which only what is fresh is learned.
        trunk_rate: learning rate of what was taken, as a share of the run's.
    """

    model_config = _STRICT

    source: str = ""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    freeze_epochs: float = Field(FREEZE_EPOCHS, ge=0)
    trunk_rate: float = Field(TRUNK_RATE, ge=0, le=1)


class OriginData(BaseModel):
    """A data set that the weights were learned from."""

    model_config = _STRICT

    name: str
    url: str = ""
    licence: str = ""
    images: int | None = None


class TransferPlan(BaseModel):
    """The weights that a run starts from.

    Attributes:
        name: of the model or file they come from.
        version: of the model, empty for a file.
        digest: SHA-256 of the network of the package, or of the file.
        licence: of the weights, as the package states it.
        data: what they were learned from, as the package states it.
        taken: tensors that were taken.
        wanted: tensors of the network, apart from its last layer.
        freeze_epochs: epochs in which only what is fresh is learned.
        trunk_rate: learning rate of what was taken, as a share of the run's.
    """

    model_config = _STRICT

    name: str
    version: str = ""
    digest: str
    licence: str = ""
    data: tuple[OriginData, ...] = ()
    taken: int
    wanted: int
    freeze_epochs: float = 0.0
    trunk_rate: float = 1.0
