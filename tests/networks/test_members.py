"""Members side by side: independent while they learn, one network with one head when they answer."""

import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import SettingsError  # noqa: E402
from hounsfield.model.networks.build import build_network, parameter_count  # noqa: E402
from hounsfield.model.networks.catalogue import NetworkSettings  # noqa: E402

FORM = {
    "name": "small-residual",
    "class_count": 4,
    "rows": 32,
    "columns": 32,
    "widths": (8, 12),
    "depths": (1, 1),
    "strides": (2, 2),
}


def network(members: int, **changes):
    torch.manual_seed(3)
    return build_network(NetworkSettings(**{**FORM, "dropout": 0.0, "members": members, **changes})).eval()


def test_the_answer_is_the_mean_of_the_members():
    whole, images = network(3), torch.rand(5, 1, 32, 32)
    said = whole.member_logits(images)
    assert said.shape == (3, 5, 4)
    assert torch.allclose(said.mean(0), whole(images), atol=1e-6)


def test_one_member_says_what_the_network_says():
    whole, images = network(1), torch.rand(5, 1, 32, 32)
    assert torch.allclose(whole.member_logits(images)[0], whole(images), atol=1e-6)


def test_members_start_apart_and_cost_what_they_cost():
    one, three = network(1), network(3)
    trunk = parameter_count(one.trunk)
    assert parameter_count(three.trunk) == 3 * trunk
    said = three.member_logits(torch.rand(5, 1, 32, 32))
    assert not torch.allclose(said[0], said[1])


def test_what_one_member_learns_leaves_the_others_alone():
    whole = network(3)
    whole.member_logits(torch.rand(5, 1, 32, 32))[1].sum().backward()
    touched = [
        any(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in member.parameters())
        for member in whole.trunk.members
    ]
    assert touched == [False, True, False]
    gradients = whole.linear.weight.grad.chunk(3, dim=1)
    assert [bool(part.abs().sum() > 0) for part in gradients] == [False, True, False]


def test_the_map_of_all_members_means_the_logit():
    whole, images = network(2), torch.rand(2, 1, 32, 32)
    logits, maps, features = whole.everything(images)
    assert torch.allclose(maps.mean((2, 3)) + whole.linear.bias, logits, atol=1e-5)
    assert features.shape == (2, 24)


@pytest.mark.parametrize("changes", [{"members": 0}, {"members": 9}, {"members": 2, "name": "lenet"}])
def test_impossible_members_are_refused(changes):
    with pytest.raises(SettingsError) as caught:
        build_network(NetworkSettings(**{**FORM, **changes}))
    assert caught.value.code == "E833"
