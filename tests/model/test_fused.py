"""Networks of several series: fusion by hand, what is missing cannot be heard, and cases with a subset of series."""

import numpy as np
import pytest

from hounsfield.errors import OutOfScope
from hounsfield.model.contract import SeriesEntry
from hounsfield.model.several_predictor import with_planes
from tests.model import toys
from tests.model.test_several_heads import OUTPUTS, network, several

torch = pytest.importorskip("torch")

from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402
from hounsfield.model.networks.fused import LateFusion, build_fused  # noqa: E402

FORMS = {
    "flat": NetworkSettings("article", 3, standardise=True),
    "pooled": NetworkSettings(
        "small-residual", 3, rows=20, columns=20, widths=(6, 8, 8), depths=(1, 1, 1), standardise=True
    ),
}  # fmt: skip
KINDS = ("mean", "max", "attention", "channels")


def case_images(settings, count=4, seed=0):
    """Return two series and their planes; the first case lacks the second series, the second the first."""
    chance = torch.Generator().manual_seed(seed)
    series = torch.rand(count, 2, settings.rows, settings.columns, generator=chance)
    given = torch.ones(count, 2)
    given[0, 1] = given[1, 0] = 0
    planes = given[:, :, None, None].expand_as(series)
    return torch.cat([series * planes, planes], 1), given


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_what_stands_in_the_place_of_a_missing_series_cannot_be_heard(form, kind):
    torch.manual_seed(1)
    fused = build_fused(FORMS[form], 2, kind).eval()
    images, _ = case_images(FORMS[form])
    other = images.clone()
    other[0, 1] = torch.rand_like(other[0, 1]) * 7
    other[1, 0] = 5.0
    other[2, 1] += 0.5 * torch.rand_like(other[2, 1])
    with torch.no_grad():
        said, again = fused(images), fused(other)
    assert said.shape == (4, 3)
    torch.testing.assert_close(said[[0, 1, 3]], again[[0, 1, 3]], rtol=1e-4, atol=1e-5)
    assert (said[2] - again[2]).abs().max() > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_series_is_not_one_that_is_blank(kind):
    torch.manual_seed(1)
    fused = build_fused(FORMS["flat"], 2, kind).eval()
    images, _ = case_images(FORMS["flat"])
    blank = images.clone()
    blank[0, 3] = 1.0
    with torch.no_grad():
        assert (fused(images)[0] - fused(blank)[0]).abs().max() > 1e-6


def test_fusion_is_over_what_was_given():
    features = torch.tensor([[[1.0, 8.0], [3.0, 2.0]], [[1.0, 8.0], [3.0, 2.0]]])
    given = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    settings = FORMS["flat"]
    for kind, expected in (("mean", [[2, 5], [3, 2]]), ("max", [[3, 8], [3, 2]])):
        fused = LateFusion(settings, 2, kind).fused(features, given)
        torch.testing.assert_close(fused, torch.tensor(expected, dtype=torch.float32))
    attention = LateFusion(settings, 2, "attention")
    attention.score = torch.nn.Linear(2, 1)
    with torch.no_grad():
        attention.score.weight.copy_(torch.tensor([[1.0, 0.0]]))
        attention.score.bias.zero_()
        found = attention.fused(features, given)
    share = 1 / (1 + np.exp(1 - 3))
    torch.testing.assert_close(found[0], torch.tensor([3 * share + (1 - share), 2 * share + 8 * (1 - share)]).float())
    torch.testing.assert_close(found[1], torch.tensor([3.0, 2.0]))


def test_each_trunk_sees_its_series_and_in_training_only_the_images_that_were_given():
    seen = {}
    fused = build_fused(FORMS["flat"], 2, "mean").train()
    for place, branch in enumerate(fused.branches):
        branch.features = lambda images, place=place: seen.setdefault(place, images).flatten(1)[:, :128]
    images, _ = case_images(FORMS["flat"])
    fused(images)
    torch.testing.assert_close(seen[0], images[[0, 2, 3], 0:1])
    torch.testing.assert_close(seen[1], images[[1, 2, 3], 1:2])
    seen.clear()
    fused.eval()(images)
    torch.testing.assert_close(seen[1], images[:, 1:2])


def test_the_last_layer_of_a_branch_is_not_learned():
    fused = build_fused(FORMS["pooled"], 2, "mean")
    learned = {id(weight) for weight in fused.parameters() if weight.requires_grad}
    assert all(id(branch.last.weight) not in learned for branch in fused.branches)
    assert id(fused.last.weight) in learned
    assert fused.last.in_features == fused.branches[0].last.in_features + 2


@pytest.mark.parametrize("form", FORMS)
def test_features_lead_to_the_logits(form):
    network_of = build_network(FORMS[form]).eval()
    images = torch.rand(3, 1, FORMS[form].rows, FORMS[form].columns)
    with torch.no_grad():
        torch.testing.assert_close(network_of.last(network_of.features(images)), network_of(images))


def test_stacked_series_are_standardised_one_by_one():
    stacked = build_fused(FORMS["flat"], 2, "channels").eval()
    images, given = case_images(FORMS["flat"])
    images[:, 0] = images[:, 0] * 1000 - 500
    found = stacked.standardised(images)
    means, deviations = found[2, :2].mean((1, 2)), found[2, :2].std((1, 2), correction=0)
    torch.testing.assert_close(means, torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviations, torch.ones(2), atol=1e-3, rtol=0)
    assert (found[0, 1] == 0).all()
    torch.testing.assert_close(found[:, 2:, 0, 0], given)
    torch.testing.assert_close(stacked.member_logits(images).mean(0), stacked(images))


SERIES = [{"name": "ct", "modalities": ["CT"]}, {"name": "pet", "required": True}]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package of three heads whose network takes two series."""
    fields = several(input={"series": SERIES})
    fields["network"] = {**fields["network"], "channels": 4}
    raw = toys.reload(network())
    raw.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    for tensor in raw.graph.initializer:
        if tensor.name.endswith("_weights"):
            tensor.CopyFrom(
                toys.numpy_helper.from_array(np.tile(toys.numpy_helper.to_array(tensor), (4, 1)), tensor.name)
            )
    return toys.package(tmp_path_factory.mktemp("series"), raw.SerializeToString(), **fields)


def predictor_of(package):
    from hounsfield.model.several_predictor import SeveralPredictor

    return SeveralPredictor(package, threads=1)


def plane(value):
    return np.full((toys.ROWS, toys.COLUMNS), value, np.float32)


def test_a_case_says_what_it_was_not_given(package):
    predictor = predictor_of(package)
    both = predictor.answer_case({"ct": plane(0.5), "pet": plane(0.25)})
    assert both.not_given == ()
    # the toy adds up the means of all channels: two images and two planes
    np.testing.assert_allclose(both.heads[1].values, [0.75 + 2])
    one = predictor.answer_case({"pet": plane(0.25), "ct": None})
    assert one.not_given == ("ct",)
    np.testing.assert_allclose(one.heads[1].values, [0.25 + 1])
    assert predictor.answer_case({"pet": plane(0.25)}).not_given == ("ct",)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "E938"),
        ({"ct": None, "pet": None}, "E938"),
        ({"ct": plane(1.0)}, "E938"),
        ({"pet": plane(1.0), "mr": plane(1.0)}, "E938"),
        ({"pet": plane(1.0)[:3]}, "E520"),
        ({"pet": plane(np.nan)}, "E521"),
    ],
)
def test_cases_that_cannot_be_answered_are_refused(package, given, code):
    with pytest.raises(OutOfScope) as caught:
        predictor_of(package).answer_case(given)
    assert caught.value.code == code
    assert all("{" not in caught.value.text(language) for language in ("en", "zh"))


def test_the_card_and_the_contract_name_the_series(package):
    assert "ct (CT), may be missing; pet, required" in package.card
    assert package.manifest.input.series[1] == SeriesEntry(name="pet", required=True)
    assert len(OUTPUTS) == len(package.manifest.heads)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_network_without_two_channels_for_each_series_is_refused(channels):
    fields = several(input={"series": SERIES})
    fields["network"] = {**fields["network"], "channels": channels}
    with pytest.raises(ValueError, match="two for each series"):
        toys.manifest(**fields)


def test_planes_follow_the_series():
    found = with_planes([None, plane(2.0)], (toys.ROWS, toys.COLUMNS))
    assert found.shape == (4, toys.ROWS, toys.COLUMNS)
    assert found[:, 0, 0].tolist() == [0, 2, 0, 1]
