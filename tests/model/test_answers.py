"""Answers against the reference implementation of ONNX, from many threads; and cards as a reader sees them."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from onnx import helper
from onnx.reference import ReferenceEvaluator
from scipy.special import log_softmax, softmax

from hounsfield.core.trace import Trace
from hounsfield.errors import ModelError
from hounsfield.model.card import model_card
from hounsfield.model.manifest import read_manifest
from hounsfield.model.operators import ALLOWED
from hounsfield.model.predictor import Predictor
from hounsfield.model.predictor import softmax as ours
from tests.model import toys

IMAGES = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random((2, 1, toys.ROWS, toys.COLUMNS), dtype=np.float32)
)


@pytest.fixture(scope="module")
def cam(tmp_path_factory):
    network = {"rows": toys.ROWS, "columns": toys.COLUMNS, "activation_maps": "maps"}
    return toys.package(
        tmp_path_factory.mktemp("cam"), toys.cam_network(), network=network, explanation={"method": "cam"}
    )


@settings(max_examples=20, deadline=None)
@given(images=IMAGES)
def test_outputs_are_those_of_the_reference_implementation(cam, images):
    """onnx.reference evaluates every operator in numpy."""
    expected = ReferenceEvaluator(onnx.load_model_from_string(cam.network)).run(None, {"images": images})
    found = Predictor(cam, threads=1).run(images)
    np.testing.assert_allclose(found["logits"], expected[0], atol=1e-5)
    np.testing.assert_allclose(found["maps"], expected[1], atol=1e-5)
    np.testing.assert_allclose(found["maps"].mean(axis=(2, 3)) + np.array([1.0, -1.0]), found["logits"], atol=1e-5)


def test_a_deep_network_agrees_with_the_reference_implementation(tmp_path):
    raw = toys.deep_network(3)
    package = toys.package(tmp_path, raw, network={"rows": 32, "columns": 32}, prepare=[])
    images = np.random.default_rng(0).normal(size=(3, 1, 32, 32)).astype(np.float32)
    expected = ReferenceEvaluator(onnx.load_model_from_string(raw)).run(["logits"], {"images": images})[0]
    np.testing.assert_allclose(Predictor(package).run(images)["logits"], expected, rtol=1e-3, atol=1e-4)


def test_one_predictor_asked_from_many_threads_answers_each_rightly(cam):
    """Sixteen callers at once get the bytes that one caller gets in turn."""
    predictor = Predictor(cam, threads=2)
    images = np.random.default_rng(1).random((64, 1, 1, toys.ROWS, toys.COLUMNS), dtype=np.float32)
    alone = [predictor.run(image)["maps"].tobytes() for image in images]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda image: predictor.run(image)["maps"].tobytes(), images))
    assert together == alone


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 20), st.integers(0, 2**32 - 1))
def test_temperature_keeps_the_order_and_the_best_class(temperature, seed):
    logits = np.random.default_rng(seed).normal(scale=5, size=(6, 4)).astype(np.float32)
    found = ours(logits, temperature)
    np.testing.assert_allclose(found, softmax(logits.astype(np.float64) / temperature, axis=1), atol=1e-6)
    assert (found.argmax(axis=1) == logits.argmax(axis=1)).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)


def test_probabilities_of_far_logits_are_not_nan():
    found = ours(np.array([[1e30, -1e30], [-1e30, -1e30]], dtype=np.float32), 0.001)
    assert found.tolist() == [[1.0, 0.0], [0.5, 0.5]]
    near = ours(np.array([[30.0, 0.0]], dtype=np.float32))
    assert np.log(near[0, 1]) == pytest.approx(log_softmax([30.0, 0.0])[1], abs=1e-3)


def test_a_prediction_says_where_it_comes_from(cam):
    trace = Trace().followed_by("resize", {"rows": toys.ROWS})
    prepared = toys.prepared(np.random.default_rng(0).random((3, toys.ROWS, toys.COLUMNS)))
    prediction = Predictor(cam).predict(prepared, trace)
    assert prediction.trace is trace
    assert prediction.geometry == prepared.geometry
    assert prediction.model == cam.identity
    assert prediction.probabilities.shape == (2, 3)
    assert prediction.probabilities.flags.c_contiguous
    assert prediction.outside_margin is None
    assert [entry.name for entry in prediction.classes] == ["no-pneumonia", "pneumonia"]


def test_no_operator_of_the_list_is_unknown_random_or_holds_a_graph():
    """Every name is one of the standard's; none has a graph attribute, and none draws numbers but Dropout's mode."""
    schemas = {schema.name: schema for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    assert set(schemas) >= ALLOWED
    graph_kinds = (onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS)
    for name in ALLOWED:
        assert all(attribute.type not in graph_kinds for attribute in schemas[name].attributes.values()), name
        assert not name.startswith(("Random", "Sequence", "String", "Optional")), name
    assert not ALLOWED & {"Loop", "If", "Scan", "Bernoulli", "Multinomial", "NonZero", "Unique", "RegexFullMatch"}


@pytest.mark.parametrize("operator", ["Bernoulli", "NonZero", "Unique", "RandomNormalLike", "StringNormalizer"])
def test_operators_off_the_list_are_refused(tmp_path, operator):
    nodes, stored = toys.mean_nodes()
    nodes.append(helper.make_node(operator, ["logits"], ["other"]))
    raw = toys.model_of(nodes, [("logits", ["batch", 2])], stored).SerializeToString()
    with pytest.raises(ModelError) as caught:
        toys.package(tmp_path, raw)
    assert caught.value.code == "E511"
    assert operator in caught.value.text()


def rendered(text: str):
    """Return the card as tokens of GitHub's Markdown: tables, and no raw HTML."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


def tables(text: str) -> list[list[list[str]]]:
    found: list[list[list[str]]] = []
    for token in rendered(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level >= 4:
            found[-1][-1].append("".join(child.content for child in token.children or ()))
    return found


HOSTILE = ["a|b", "a\\|b", "a\\\\|b", "\\", "<script>alert(1)</script>", "| --- |", "x\n| y |", "# no heading", "`|`"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_of_the_card_keeps_its_columns_whatever_stands_in_it(text):
    """A name with a bar, or a backslash before one, once opened a further column."""
    data = {"sources": [{"name": text, "licence": "CC0", "use": "training"}], "split": text, "population": text}
    manifest = toys.manifest(data=data, licence=text, metrics=[{"name": text, "value": 0.5, "data_set": text}])
    card = model_card(manifest, "ab" * 32)
    for table in tables(card):
        assert {len(row) for row in table} == {len(table[0])}
    kinds = {token.type for token in rendered(card)}
    inner = {child.type for token in rendered(card) for child in token.children or ()}
    assert "html_block" not in kinds
    assert "html_inline" not in inner
    headings = [token for token in rendered(card) if token.type == "heading_open"]
    assert len(headings) == 8
    (row,) = [row for table in tables(card) for row in table if row[0] == "licence"]
    if "`" not in text and "<" not in text:
        assert row[1] == " ".join(text.split())


def test_the_card_holds_the_figures_of_its_manifest():
    """Every number of classes, metrics and data, found again in the rendered tables."""
    manifest = toys.manifest()
    found = tables(model_card(manifest, "ab" * 32))
    flat = [row for table in found for row in table]
    assert ["auroc", "0.97", "0.95 to 0.99 (95%)", "toy test", "100"] in flat
    (pneumonia,) = [row for row in flat if row[0] == "pneumonia"]
    assert pneumonia[3:] == ["0.4", "0.9 (0.85 to 0.95)", "0.8 (0.7 to 0.9)", "toy tuning"]
    assert ["toy data", "", "10", "", "CC0-1.0", ""] in flat
    assert ["seed", "7"] in flat
    assert ["weights, SHA-256", "ab" * 32] in flat


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": {"age_years": {"minimum": 18}}}, "18 to any years"),
        ({"input": {"age_years": {"maximum": 5}}}, "0 to 5 years"),
        ({"input": {"allows_pictures": False}}, "refused"),
        ({"input": {"allows_colour": True}}, "taken"),
        ({"input": {"views": ["PA", "AP"]}}, "PA, AP"),
        ({"calibration": {"temperature": 1.5, "method": "temperature"}}, "temperature, temperature 1.5"),
        ({"out_of_distribution": {"score": "energy", "threshold": -3.25}}, "energy, outside is above -3.25"),
        ({"limits": []}, "None stated."),
        ({"seed": None}, "not stated"),
    ],
)
def test_the_card_follows_the_manifest(change, words):
    assert words in model_card(toys.manifest(**change))


def test_a_command_stays_code_and_both_languages_are_there():
    card = model_card(toys.manifest(command="hounsfield train a \\\n  -o b.model\n# not a heading"))
    blocks = [token.content for token in rendered(card) if token.type == "code_block"]
    assert blocks == ["hounsfield train a \\\n  -o b.model\n# not a heading\n"]
    assert "本软件仅供研究" in card
    assert "只认识明与暗" in card
    assert re.search(r"not a medical device", card)


def test_a_manifest_in_another_encoding_of_json_is_the_same():
    """JSON may come as UTF-16 or UTF-32 by RFC 4627; the digests are of the bytes, the meaning is one."""
    manifest = toys.manifest()
    text = manifest.to_json().decode()
    for encoding in ("utf-8", "utf-16", "utf-32"):
        assert read_manifest(text.encode(encoding)) == manifest
