"""Export: the same bytes each time, the same answers as torch, maps and scores included, and nothing local inside."""

import numpy as np
import onnx
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from hounsfield.errors import HounsfieldError  # noqa: E402
from hounsfield.model.networks.build import build_network  # noqa: E402
from hounsfield.model.networks.catalogue import NETWORKS, NetworkSettings  # noqa: E402
from hounsfield.model.operators import ALLOWED  # noqa: E402
from hounsfield.train import export  # noqa: E402
from hounsfield.train.export import example_images, export_network  # noqa: E402
from hounsfield.train.outside import Known, fit_outside  # noqa: E402
from hounsfield.train.plan import OutsidePlan  # noqa: E402


def settings_of(name: str) -> NetworkSettings:
    side = max(32, NETWORKS[name].least_side)
    return NetworkSettings(name, 3, 1, side, side, dense_width=32, standardise=True)


def network_of(settings: NetworkSettings):
    torch.manual_seed(4)
    return build_network(settings).eval()


@pytest.mark.parametrize("name", ["alexnet", "article", "lenet", "resnet18", "small-residual", "vgg11"])
def test_onnxruntime_answers_as_torch_for_any_number_of_images(name: str) -> None:
    settings = settings_of(name)
    network = network_of(settings)
    exported = export_network(network, settings, None, example_images(settings))
    session = onnxruntime.InferenceSession(exported.network, providers=["CPUExecutionProvider"])
    for count in (1, 5):
        images = example_images(settings, count)
        logits = session.run(["logits"], {"images": images.numpy()})[0]
        with torch.no_grad():
            np.testing.assert_allclose(logits, network(images).numpy(), atol=1e-4)
    assert exported.largest_difference < 1e-4
    assert bool(exported.interface.activation_maps) == NETWORKS[name].has_activation_map


def test_bytes_are_the_same_twice_and_hold_nothing_local() -> None:
    settings = settings_of("small-residual")
    first, second = (
        export_network(network_of(settings), settings, None, example_images(settings)).network for _ in range(2)
    )
    assert first == second
    assert b"/" + b"hounsfield/" not in first
    assert b".py" not in first
    model = onnx.load_model_from_string(first)
    onnx.checker.check_model(model, full_check=True)
    assert {node.op_type for node in model.graph.node} <= ALLOWED
    assert [item.version for item in model.opset_import] == [export.OPSET]


def test_activation_maps_average_to_the_logit_without_bias() -> None:
    settings = settings_of("small-residual")
    network = network_of(settings)
    exported = export_network(network, settings, None, example_images(settings))
    session = onnxruntime.InferenceSession(exported.network, providers=["CPUExecutionProvider"])
    logits, maps = session.run(["logits", "activation_maps"], {"images": example_images(settings).numpy()})
    np.testing.assert_allclose(maps.mean((2, 3)) + network.last.bias.detach().numpy(), logits, atol=1e-4)


def test_outside_score_is_exported_beside_the_logits() -> None:
    settings = settings_of("small-residual")
    network = network_of(settings)
    images = example_images(settings, 60)
    with torch.no_grad():
        logits, _, features = network.everything(images)
    labels = torch.arange(60) % 3
    known = Known(features, labels, torch.arange(60) % 2)
    score = fit_outside(known, known, 3, OutsidePlan())
    exported = export_network(network, settings, score, images)
    session = onnxruntime.InferenceSession(exported.network, providers=["CPUExecutionProvider"])
    found = session.run(["outside"], {"images": images.numpy()})[0]
    np.testing.assert_allclose(found, score.of(features, logits).numpy(), rtol=1e-3)
    assert exported.interface.outside == "outside"


def test_a_network_that_answers_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("article")
    honest = export.onnx_bytes
    other = build_network(settings).eval()
    monkeypatch.setattr(export, "onnx_bytes", lambda module, *given: honest(other, *given))
    with pytest.raises(HounsfieldError) as caught:
        export_network(network_of(settings), settings, None, example_images(settings))
    assert caught.value.code == "E838"


def test_export_leaves_the_warnings_of_the_process_as_they_were() -> None:
    import warnings

    before = list(warnings.filters)
    settings = settings_of("lenet")
    export_network(network_of(settings), settings, None, example_images(settings))
    assert warnings.filters == before
