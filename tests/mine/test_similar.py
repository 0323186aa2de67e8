"""Similar cases: neighbours against scikit-learn, clusters of known precision, and no patient beside himself."""

import json

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from hounsfield.cli import main
from hounsfield.errors import DatasetError, ModelError
from hounsfield.mine.embedding import embed, index_cases, open_embedder, require_same_model
from hounsfield.mine.index_file import read_index, write_index
from hounsfield.mine.similar import IndexedCase, SimilarIndex
from hounsfield.opening import read_volumes

MODEL = ("toy", "1", "ab")


def index_of(rows, outcomes=None, patients=None, facts=None):
    count = len(rows)
    cases = tuple(
        IndexedCase(
            f"c{k}",
            patients[k] if patients else f"p{k}",
            outcomes[k] if outcomes else "",
            facts[k] if facts else (),
        )
        for k in range(count)
    )
    return SimilarIndex(MODEL, cases, np.asarray(rows, np.float32))


def test_neighbours_are_those_of_scikit_learn():
    rows = np.random.default_rng(1).normal(2.0, 3.0, (60, 7)).astype(np.float32)
    asked = np.random.default_rng(2).normal(2.0, 3.0, (5, 7)).astype(np.float32)
    scaled = [(part - rows.mean(axis=0)) / rows.std(axis=0) for part in (rows, asked)]
    peer = NearestNeighbors(n_neighbors=6, metric="cosine").fit(scaled[0])
    distances, places = peer.kneighbors(scaled[1])
    made = index_of(rows)
    for row, distance, place in zip(asked, distances, places, strict=True):
        near = made.nearest(row, 6)
        assert [one.case.identifier for one in near] == [f"c{k}" for k in place]
        assert [one.similarity for one in near] == pytest.approx(1 - distance, abs=1e-5)


def test_nobody_is_his_own_neighbour():
    rows = np.random.default_rng(3).normal(0, 1, (12, 4))
    made = index_of(rows, patients=["a"] * 4 + ["b"] * 8)
    asked = made.embeddings[0]
    assert {one.case.patient for one in made.nearest(asked, 12, "a")} == {"b"}
    assert len(made.nearest(asked, 12, "a")) == 8
    assert "c0" not in [one.case.identifier for one in made.nearest(asked, 12)], "the very same image"
    assert len(made.nearest(asked, 12)) == 11


@pytest.mark.parametrize(
    ("known", "left"),
    [
        ((("modality", "CT"),), {"c0", "c2"}),
        ((("modality", "ct"),), {"c0", "c2"}),
        ((("site", "lung"),), {"c0", "c1", "c2"}),
        ((("site", "brain"),), {"c1", "c2"}),
        ((("age", "70"),), {"c0", "c1", "c2"}),
        ((), {"c0", "c1", "c2"}),
    ],
)
def test_another_modality_or_site_is_left_out_where_both_are_known(known, left):
    facts = [(("modality", "CT"), ("site", "lung")), (("modality", "MR"),), (("age", "40"),)]
    made = index_of(np.eye(3), facts=facts)
    near = made.nearest(np.array([0.3, 0.2, 0.1], np.float32), 5, facts=known)
    assert {one.case.identifier for one in near} == left


def test_the_precision_of_clusters_is_one_and_of_noise_is_chance():
    generator = np.random.default_rng(4)
    outcomes = ["benign", "malignant"] * 40
    centre = np.array([[5.0, 0, 0] if one == "benign" else [-5.0, 0, 0] for one in outcomes])
    found = index_of(centre + generator.normal(0, 0.1, (80, 3)), outcomes).precision(5)
    assert (found.value, found.cases, found.patients, found.k) == (1.0, 80, 80, 5)
    assert found.chance == pytest.approx(39 / 79)
    noise = index_of(generator.normal(0, 1, (80, 3)), outcomes).precision(5)
    assert noise.value == pytest.approx(noise.chance, abs=0.12)


def test_a_leak_between_images_of_one_patient_is_not_counted():
    """Each patient has two all but equal images, and nothing else tells outcomes apart: without the rule it is 1."""
    generator = np.random.default_rng(5)
    rows = np.repeat(generator.normal(0, 1, (30, 6)), 2, axis=0) + generator.normal(0, 1e-3, (60, 6))
    outcomes = [one for k in range(30) for one in [("x", "y")[k % 2]] * 2]
    leaking = index_of(rows, outcomes).precision(1)
    honest = index_of(rows, outcomes, [f"p{k // 2}" for k in range(60)]).precision(1)
    assert leaking.value == 1.0
    assert honest.value < 0.75
    assert honest.patients == 30


def test_fewer_others_than_asked_and_cases_without_outcome():
    made = index_of(np.eye(4), ["x", "x", "", "y"])
    found = made.precision(10)
    assert found.cases == 3
    assert found.value == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found.chance == pytest.approx(found.value)


def test_one_patient_alone_has_no_precision():
    with pytest.raises(DatasetError, match="E293"):
        index_of(np.eye(3), ["x", "y", "x"], ["p"] * 3).precision()


@pytest.mark.parametrize("rows", [np.ones((1, 3)), np.ones(3), np.array([[1.0, np.nan], [1.0, 2.0]])])
def test_embeddings_that_do_not_belong_are_refused(rows):
    with pytest.raises(DatasetError, match="E292"):
        index_of(rows)
    with pytest.raises(DatasetError, match="E292"):
        SimilarIndex(MODEL, index_of(np.eye(3)).cases, np.eye(4, dtype=np.float32))


def test_a_feature_without_spread_and_a_row_at_the_mean_say_nothing():
    made = index_of([[1.0, 7.0], [-1.0, 7.0], [0.0, 7.0]])
    near = made.nearest(np.array([3.0, 99.0], np.float32), 3)
    assert near[0].case.identifier in ("c0", "c1", "c2")
    assert all(np.isfinite(one.similarity) for one in near)


def test_an_index_survives_its_file(tmp_path):
    made = index_of(np.eye(3), ["x", "y", ""], facts=[(("age", "61"),), (), ()])
    write_index(made, tmp_path / "i.npz")
    again = read_index(tmp_path / "i.npz")
    assert (again.cases, again.model) == (made.cases, made.model)
    assert np.array_equal(again.embeddings, made.embeddings)


@pytest.mark.parametrize("kind", ["text", "empty", "object", "format", "parts"])
def test_what_is_no_index_is_refused(tmp_path, kind):
    path = tmp_path / "i.npz"
    good = {"format": 1, "model": MODEL, "cases": [["a", "p", "", []], ["b", "q", "", []]]}
    if kind in ("text", "empty"):
        path.write_bytes(b"not an index" if kind == "text" else b"")
    elif kind == "object":
        np.savez(path, embeddings=np.array([{}], dtype=object), told=np.array("{}"))
    else:
        told = good | ({"format": 9} if kind == "format" else {"cases": [["a"]]})
        np.savez(path, embeddings=np.eye(2), told=np.array(json.dumps(told)))
    with pytest.raises(DatasetError, match="E290"):
        read_index(path)


@pytest.fixture(scope="module")
def nodules(tmp_path_factory):
    """Discs and rings of two classes, two pictures of each of six patients, a broken one, and one to ask about."""
    folder = tmp_path_factory.mktemp("cases")
    rows, columns = np.mgrid[:64, :64] - 31.5
    far = np.hypot(rows, columns)
    for label, shape in (("benign", far < 10), ("malignant", (far > 16) & (far < 26))):
        for patient in range(3):
            place = folder / "data" / label / f"{label}{patient}"
            place.mkdir(parents=True)
            for picture in range(2):
                noise = np.random.default_rng(10 * patient + picture).normal(0, 6, (64, 64))
                Image.fromarray((200 * shape + 20 + noise).clip(0, 255).astype(np.uint8)).save(place / f"{picture}.png")
    noise = np.random.default_rng(99).normal(0, 6, (64, 64))
    Image.fromarray((200 * (far < 10) + 20 + noise).clip(0, 255).astype(np.uint8)).save(folder / "asked.png")
    return folder


def test_the_verb_builds_and_asks(nodules, tmp_path, capsys):
    model = ["--model", "lung-nodule-malignancy"]
    index = str(tmp_path / "n.npz")
    assert main(["similar", str(nodules / "data"), "--build", "--index", index, *model, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cases"] == 12
    assert told["measure"]["patients"] == 6
    assert told["measure"]["precision"] > told["measure"]["chance"]
    assert main(["similar", str(nodules / "asked.png"), "--index", index, *model, "-k", "3", "--json"]) == 0
    near = json.loads(capsys.readouterr().out)["similar"]
    assert [one["outcome"] for one in near] == ["benign"] * 3
    assert near[0]["similarity"] >= near[1]["similarity"]
    assert main(["similar", str(nodules / "asked.png"), "--index", index, *model]) == 0
    assert "no diagnosis" in capsys.readouterr().out
    assert main(["similar", str(nodules / "data"), "--build", "--index", index, *model]) != 0, "never overwritten"
    assert main(["similar", str(nodules / "asked.png"), "--index", index, "--model", "body-part"]) == 3
    assert "E291" in capsys.readouterr().err


def test_an_embedding_is_the_same_twice_and_belongs_to_its_network(nodules):
    network = open_embedder("lung-nodule-malignancy")
    volume = read_volumes(nodules / "asked.png").volumes[0]
    first, second = embed(network, volume), embed(network, volume)
    assert np.array_equal(first, second)
    made, refused = index_cases(nodules / "data", network)
    assert refused == ()
    assert made.embeddings.shape == (12, len(first))
    require_same_model(made, network)
    with pytest.raises(ModelError, match="E291"):
        require_same_model(index_of(np.eye(2)), network)
