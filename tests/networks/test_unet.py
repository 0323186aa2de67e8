"""The U-Net family: shapes, sizes that do not fit, gradients everywhere, and the same answer from ONNX."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.model.networks.mask_catalogue import MASK_NETWORKS, UNetSettings, mask_network_facts  # noqa: E402
from hounsfield.model.networks.unet import build_unet  # noqa: E402

FLAT = UNetSettings("unet", 3, 2, (1, 32, 48), (8, 12, 16), supervised=2)
DEEP = UNetSettings("unet", 3, 2, (8, 16, 32), (8, 12, 16), (1, 2), supervised=2)


def images(settings: UNetSettings, count: int = 2) -> "torch.Tensor":
    sides = settings.patch[1:] if settings.is_planar else settings.patch
    return torch.rand((count, settings.channels, *sides), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", sorted(MASK_NETWORKS))
@pytest.mark.parametrize("form", [FLAT, DEEP], ids=["flat", "deep"])
def test_gives_a_logit_of_each_label_for_every_sample_at_each_size(form: UNetSettings, name: str) -> None:
    settings = replace(form, name=name)
    network = build_unet(settings)
    given = images(settings)
    whole, lower = network.all_logits(given)
    assert whole.shape == (2, 3, *given.shape[2:])
    strides = settings.strides[0][1:] if settings.is_planar else settings.strides[0]
    assert tuple(lower.shape[2:]) == tuple(side // step for side, step in zip(given.shape[2:], strides, strict=True))
    assert torch.equal(network(given), whole)


@pytest.mark.parametrize("name", sorted(MASK_NETWORKS))
@pytest.mark.parametrize("form", [FLAT, DEEP], ids=["flat", "deep"])
def test_every_weight_learns(form: UNetSettings, name: str) -> None:
    network = build_unet(replace(form, name=name, depth=2))
    sum(logits.square().mean() for logits in network.all_logits(images(form))).backward()
    still = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    # a bias before an instance normalisation is taken off again, so its gradient is 0 up to rounding
    assert not [key for key in still if not key.endswith("bias")]


def test_the_residual_form_has_short_cuts_and_more_weights() -> None:
    plain, residual = build_unet(FLAT), build_unet(replace(FLAT, name="residual-unet"))
    assert sum(item.numel() for item in residual.parameters()) > sum(item.numel() for item in plain.parameters())
    assert any("short_cut" in name for name, _ in residual.named_modules())


def test_centre_and_scale_come_first() -> None:
    torch.manual_seed(0)
    network = build_unet(FLAT).eval()
    torch.manual_seed(0)
    shifted = build_unet(replace(FLAT, centre=0.25, scale=3.0)).eval()
    given = images(FLAT)
    with torch.no_grad():
        torch.testing.assert_close(shifted(given), network((given - 0.25) * 3.0), atol=1e-5, rtol=1e-4)


def test_an_output_sees_its_surroundings_but_not_all_of_the_patch() -> None:
    settings = UNetSettings("unet", 2, 1, (1, 64, 64), (4, 4), depth=1)
    network = build_unet(settings)
    for module in network.modules():
        if isinstance(module, torch.nn.InstanceNorm2d):
            module.forward = lambda given: given  # its mean runs over the patch
    given = images(settings, 1).requires_grad_()
    network(given)[0, 1, 32, 32].backward()
    assert given.grad is not None
    rows = torch.nonzero(given.grad[0, 0].abs().sum(1)).ravel()
    assert 24 < int(rows.min()) < 32 < int(rows.max()) < 40


@pytest.mark.parametrize(
    "change",
    [
        {"widths": (8,)},
        {"label_count": 1},
        {"supervised": 3},
        {"depth": 0},
        {"slice_strides": (1, 1)},
        {"widths": (4,) * 8},
    ],
)
def test_forms_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        build_unet(replace(FLAT, **change))  # type: ignore[arg-type]
    assert caught.value.code == "E833"
    for name, value in change.items():
        told = {"widths": "widths", "label_count": "labels", "slice_strides": "slice strides"}.get(name, name)
        assert f"{told} {value}" in caught.value.text("en")
        assert f"{told} {value}" in caught.value.text("zh")


@pytest.mark.parametrize("patch", [(1, 30, 48), (1, 8, 8), (1, 32, 50)])
def test_a_patch_that_the_stages_do_not_divide_is_refused(patch: tuple[int, int, int]) -> None:
    with pytest.raises(DatasetError) as caught:
        replace(FLAT, patch=patch).check()
    assert caught.value.code == "E832"
    assert "4" in caught.value.text()


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        mask_network_facts("v-net")
    assert caught.value.code == "E831"
    assert "residual-unet" in caught.value.text()


def test_the_same_seed_gives_the_same_weights() -> None:
    def weights(seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        return torch.cat([item.ravel() for item in build_unet(FLAT).parameters()]).detach().numpy()

    assert np.array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))
