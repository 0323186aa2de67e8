"""The U-Net family over sizes, channels and stages: what it gives, what it refuses, and how it is drawn."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import DatasetError, SettingsError  # noqa: E402
from hounsfield.model.networks.mask_catalogue import MASK_NETWORKS, UNetSettings  # noqa: E402
from hounsfield.model.networks.unet import UNet, build_unet  # noqa: E402

SMALL = UNetSettings("unet", 2, 1, (1, 16, 16), (4, 6))
VOLUME = UNetSettings("unet", 2, 1, (8, 16, 16), (4, 6), (2,))


def given_to(settings: UNetSettings, count: int = 1, seed: int = 0) -> "torch.Tensor":
    sides = settings.patch[1:] if settings.is_planar else settings.patch
    return torch.rand((count, settings.channels, *sides), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", sorted(MASK_NETWORKS))
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("patch", "widths", "strides"),
    [
        ((1, 8, 8), (4, 6), ()),
        ((1, 16, 40), (4, 6, 6), ()),
        ((1, 64, 32), (4, 4, 6, 6), ()),
        ((3, 8, 12), (4, 6), (1,)),
        ((12, 16, 16), (4, 4, 6), (2, 2)),
        ((2, 16, 24), (4, 4, 6), (2, 1)),
    ],
)
def test_it_answers_on_the_grid_it_was_given(
    name: str, channels: int, patch: tuple[int, int, int], widths: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    settings = UNetSettings(name, 5, channels, patch, widths, strides, depth=1, supervised=len(widths) - 1)
    network = build_unet(settings)
    images = given_to(settings, 2)
    given = network.all_logits(images)
    assert given[0].shape == (2, 5, *images.shape[2:])
    for level, logits in enumerate(given):
        halved = [2**level, 2**level]
        slices = [1] if settings.is_planar else [torch.tensor((1, *strides[:level])).prod().item()]
        steps = halved if settings.is_planar else [*slices, *halved]
        assert tuple(logits.shape[2:]) == tuple(
            side // step for side, step in zip(images.shape[2:], steps, strict=True)
        )
        assert bool(torch.isfinite(logits).all())


@pytest.mark.parametrize("name", sorted(MASK_NETWORKS))
def test_volumes_that_the_stages_divide_are_taken_in_any_number(name: str) -> None:
    """The patch of the settings is what it learns on; other multiples of the reduction pass as well."""
    settings = replace(VOLUME, name=name)
    network = build_unet(settings).eval()
    larger = replace(settings, patch=tuple(3 * side if side > 1 else 1 for side in settings.patch))  # type: ignore[arg-type]
    assert network(given_to(larger)).shape[2:] == given_to(larger).shape[2:]
    with pytest.raises(RuntimeError):
        network(given_to(settings)[..., :-1])


@pytest.mark.parametrize(
    ("patch", "widths", "strides"),
    [
        ((1, 16, 18), (4, 6, 6), ()),
        ((1, 17, 16), (4, 6), ()),
        ((7, 16, 16), (4, 6), (2,)),
        ((6, 16, 16), (4, 6, 6), (2, 2)),
        ((8, 8, 16), (4, 6, 6), (2, 2)),
    ],
)
def test_sizes_it_cannot_take_are_refused_with_what_it_needs(
    patch: tuple[int, int, int], widths: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    settings = UNetSettings("unet", 2, 1, patch, widths, strides)
    with pytest.raises(DatasetError) as caught:
        build_unet(settings)
    assert caught.value.code == "E832"
    for language in ("en", "zh"):
        assert " x ".join(map(str, patch)) in caught.value.text(language)
        assert " x ".join(map(str, settings.reduction)) in caught.value.text(language)


@pytest.mark.parametrize(
    "change", [{"slice_strides": ()}, {"slice_strides": (3,)}, {"supervised": 0}, {"supervised": 2}]
)
def test_strides_and_supervision_must_match_the_stages(change: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        build_unet(replace(VOLUME, **change))  # type: ignore[arg-type]
    assert caught.value.code == "E833"


def counted(network: UNet) -> int:
    return sum(item.numel() for item in network.parameters())


def test_weights_are_as_many_as_its_drawing_has() -> None:
    """Two stages of 4 and 6 channels, two convolutions each: counted on paper."""
    down = (1 * 4 * 9 + 4 + 8) + (4 * 4 * 9 + 4 + 8) + (4 * 6 * 9 + 6 + 12) + (6 * 6 * 9 + 6 + 12)
    up = (6 * 4 * 4 + 4) + (8 * 4 * 9 + 4 + 8) + (4 * 4 * 9 + 4 + 8)
    assert counted(build_unet(SMALL)) == down + up + (4 * 2 + 2)
    # a third dimension makes kernels of 27 and an enlargement of 8
    deep = (4 * 27 + 12) + (16 * 27 + 12) + (24 * 27 + 18) + (36 * 27 + 18)
    assert counted(build_unet(VOLUME)) == deep + (24 * 8 + 4) + (32 * 27 + 12) + (16 * 27 + 12) + (4 * 2 + 2)


def test_slices_are_halved_only_where_asked() -> None:
    flat = build_unet(replace(VOLUME, slice_strides=(1,)))
    assert flat(given_to(VOLUME)).shape == build_unet(VOLUME)(given_to(VOLUME)).shape
    assert flat.enlarge[0].weight.shape[2:] == (1, 2, 2)
    assert build_unet(VOLUME).enlarge[0].weight.shape[2:] == (2, 2, 2)


@pytest.mark.parametrize("form", [SMALL, VOLUME], ids=["flat", "deep"])
def test_one_image_of_a_batch_does_not_touch_another_on_short_cuts(form: UNetSettings) -> None:
    network = build_unet(replace(form, name="residual-unet")).train()
    images = given_to(form, 3)
    whole = network(images)
    changed = images.clone()
    changed[1] = 1 - changed[1]
    again = network(changed)
    torch.testing.assert_close(again[[0, 2]], whole[[0, 2]])
    assert not torch.allclose(again[1], whole[1])


@pytest.mark.parametrize("name", sorted(MASK_NETWORKS))
@pytest.mark.parametrize("settings", [SMALL, VOLUME], ids=["flat", "deep"])
def test_seed_and_image_decide_and_every_part_has_a_gradient(name: str, settings: UNetSettings) -> None:
    made = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        network = build_unet(replace(settings, name=name))
        images = given_to(settings, 2).requires_grad_()
        logits = network(images)
        torch.nn.functional.cross_entropy(logits, (images[:, 0] > 0.5).long()).backward()
        slopes = {key: item.grad for key, item in network.named_parameters()}
        assert all(grad is not None and bool(torch.isfinite(grad).all()) for grad in slopes.values())
        assert images.grad is not None
        assert bool((images.grad.abs() > 0).float().mean() > 0.99)
        made.append((logits.detach(), slopes))
    assert torch.equal(made[0][0], made[1][0])
    assert all(torch.equal(made[0][1][key], made[1][1][key]) for key in made[0][1])
    assert not torch.allclose(made[0][0], made[2][0])


def test_weights_are_spread_as_he_has_it() -> None:
    torch.manual_seed(0)
    network = build_unet(UNetSettings("unet", 2, 1, (1, 16, 16), (48, 64)))
    weight = network.down[1].blocks[1].convolve.weight  # type: ignore[index,union-attr]
    expected = (2 / (1 + 0.01**2) / (64 * 9)) ** 0.5
    assert weight.std().item() == pytest.approx(expected, rel=0.02)
    assert not network.heads[0].bias.any()  # type: ignore[operator,union-attr]
