"""Hostile model packages (threat T10, test M8): no code runs, no file appears outside, memory stays bounded."""

import io
import os
import pickle
import stat
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hounsfield.errors import HounsfieldError, ModelError
from hounsfield.model.container import PARTS, pack, read_manifest_part
from hounsfield.model.network_check import check_network
from hounsfield.model.package import open_package, write_package
from hounsfield.model.predictor import Predictor
from hounsfield.prepare.sequence import build_steps
from tests.model import toys


class Evil:
    """Something that runs a command when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (os.system, (f"touch {self.mark}",))


@pytest.fixture
def mark(tmp_path):
    """Return a path that must never come to be."""
    return tmp_path / "owned"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "evil.model"


def parts(**changes):
    """Return the parts of a good package, some of them changed; names may hold dots as double underscores."""
    folder = changes.pop("folder")
    found = toys.package(folder)
    whole = {"manifest.json": found.manifest.to_json(), "network.onnx": found.network, "card.md": found.card.encode()}
    return {**whole, **{name.replace("__", "."): value for name, value in changes.items()}}


def zipped(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, raw in members:
            archive.writestr(name, raw)
    return buffer.getvalue()


def refuse(path, raw, mark=None):
    """Expect the package to be refused before or when a predictor is made."""
    path.write_bytes(raw)
    with pytest.raises(HounsfieldError) as caught:
        Predictor(open_package(path))
    assert caught.value.code.startswith("E5")
    assert mark is None or not mark.exists()
    return caught.value


def resealed(network, **changes):
    """Return a package whose digests are all right, around any network: the attacker owns the digests too."""
    import hashlib

    from hounsfield.model.manifest import Part

    def part(raw):
        return Part(sha256=hashlib.sha256(raw).hexdigest(), size_bytes=len(raw))

    manifest = toys.manifest(**changes).model_copy(
        update={"parts": {"network.onnx": part(network), "card.md": part(b"# card\n")}}
    )
    return pack({"manifest.json": manifest.to_json(), "network.onnx": network, "card.md": b"# card\n"})


def test_01_a_pickle_in_place_of_the_package(path, mark):
    refuse(path, pickle.dumps(Evil(mark)), mark)


def test_02_a_pickle_in_place_of_the_network(path, mark):
    assert refuse(path, resealed(pickle.dumps(Evil(mark))), mark).code == "E510"


@pytest.mark.torch
def test_03_a_torch_checkpoint_with_a_reducer(path, mark, tmp_path):
    import torch

    torch.save({"state": Evil(mark)}, tmp_path / "evil.pt")
    refuse(path, (tmp_path / "evil.pt").read_bytes(), mark)
    refuse(path, resealed((tmp_path / "evil.pt").read_bytes()), mark)


@pytest.mark.torch
def test_04_a_torchscript_archive(path, tmp_path):
    import torch

    with warnings.catch_warnings(action="ignore"):
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "script.pt"))
    refuse(path, (tmp_path / "script.pt").read_bytes())


def test_05_a_keras_archive_with_a_lambda(path, mark):
    config = b'{"class_name": "Lambda", "config": {"function": ["4wAAAA==", null, null]}}'
    refuse(path, zipped([("config.json", config), ("model.weights.h5", b"\x89HDF"), ("metadata.json", b"{}")]), mark)


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/passwd", "weights.bin"])
def test_06_external_data(path, tmp_path, location):
    (tmp_path / "outside.bin").write_bytes(b"\0" * 8)
    model = toys.reload(toys.mean_network())
    tensor = next(item for item in model.graph.initializer if item.name == "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        tensor.external_data.add(key=key, value=value)
    error = refuse(path, resealed(model.SerializeToString()))
    assert error.code == "E511"
    assert "external data" in str(error)


def test_06_external_data_hidden_in_an_attribute(path):
    model = toys.reload(toys.mean_network())
    hidden = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    hidden.external_data.add(key="location", value="../outside.bin")
    constant = onnx.NodeProto(op_type="Constant", output=["unused"])
    constant.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(hidden)
    model.graph.node.insert(0, constant)
    assert refuse(path, resealed(model.SerializeToString())).code == "E511"


def test_07_a_bomb_in_a_member(path):
    members = [(name, b"x") for name in PARTS if name != "network.onnx"]
    bomb = zipped([*members, ("network.onnx", b"\0" * (200 << 20))], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    assert refuse(path, bomb).code == "E502"


def test_07_a_bomb_whose_header_lies_about_its_size(path):
    body = zlib.compress(b"\0" * (50 << 20), 9)[2:-4]
    raw = bytearray(zipped([(name, b"x" if name != "card.md" else body) for name in PARTS]))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        info = archive.getinfo("card.md")
    for signature, method_offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        position = (
            info.header_offset if signature == b"PK\x03\x04" else raw.index(b"card.md", info.header_offset + 100) - 46
        )
        struct.pack_into("<H", raw, position + method_offset, zipfile.ZIP_DEFLATED)
    refuse(path, bytes(raw))


def test_07_a_directory_of_a_million_members(path):
    """A table of members costs many times its size in memory; it is not read at all."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    directory = entry * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 4, 0)
    assert refuse(path, b"PK\x03\x04" + directory + end).code == "E502"
    start = time.perf_counter()
    with pytest.raises(ModelError):
        read_manifest_part(path)
    assert time.perf_counter() - start < 0.5


def test_07_a_second_end_record_cannot_overrule_the_first(path, tmp_path):
    good = zipfile.ZipFile(io.BytesIO(pack(parts(folder=tmp_path))))
    plain = zipped([(name, good.read(name)) for name in PARTS])
    end = plain[-22:]
    far = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 20, 1 << 20, 1 << 30, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(plain) - 22, 1)
    assert refuse(path, plain[:-22] + far + locator + end).code == "E502"


def test_08_a_link_in_a_folder(tmp_path, mark):
    from hounsfield.model.package import unpack_package

    folder = tmp_path / "folder"
    unpack_package(toys.package(tmp_path), folder)
    (folder / "card.md").unlink()
    (folder / "card.md").symlink_to("/etc/passwd")
    with pytest.raises(ModelError) as caught:
        open_package(folder)
    assert caught.value.code == "E502"
    assert "root:" not in str(caught.value)


def test_08_a_link_and_a_way_up_in_an_archive(path, tmp_path):
    link = zipfile.ZipInfo("card.md")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refuse(path, zipped([("manifest.json", b"{}"), ("network.onnx", b""), (link, b"/etc/passwd"), ("SHA256SUMS", b"")]))
    for name in ("../card.md", "/tmp/card.md", "a/card.md", "card.md/", "..\\card.md", "CARD.MD"):
        members = [("manifest.json", b"{}"), ("network.onnx", b""), (name, b"x"), ("SHA256SUMS", b"")]
        assert refuse(path, zipped(members)).code == "E502"
    assert not (tmp_path.parent / "card.md").exists()


def test_08_members_too_many_or_twice(path, tmp_path):
    good = zipfile.ZipFile(io.BytesIO(pack(parts(folder=tmp_path))))
    members = [(name, good.read(name)) for name in PARTS]
    refuse(path, zipped([*members, ("hook.py", b"import os")]))
    refuse(path, zipped([*members, ("__pycache__/x.pyc", b"x")]))
    with pytest.warns(UserWarning, match="Duplicate"):
        doubled = zipped([*members, ("network.onnx", b"other")])
    refuse(path, doubled)


@pytest.mark.parametrize(
    "text",
    [
        b"!!python/object/apply:os.system ['touch owned']\n",
        b"name: !!python/name:os.system\n",
    ],
)
def test_09_yaml_in_place_of_the_manifest(path, tmp_path, text, mark):
    assert refuse(path, pack(parts(folder=tmp_path, manifest__json=text)), mark).code == "E503"


def test_10_a_logging_configuration(path, tmp_path, mark):
    text = f"[handler_x]\nclass=__import__('os').system('touch {mark}')\nargs=()\n".encode()
    refuse(path, pack(parts(folder=tmp_path, manifest__json=text)), mark)
    good = zipfile.ZipFile(io.BytesIO(pack(parts(folder=tmp_path))))
    refuse(path, zipped([*((name, good.read(name)) for name in PARTS), ("logging.conf", text)]), mark)


@pytest.mark.parametrize("key", ["_target_", "$import", "py/object", "__class__", "imports", "entry_point"])
def test_11_a_manifest_that_names_code(path, key, mark):
    import json

    for spoil in (
        lambda entries: entries.update({key: "os.system"}),
        lambda entries: entries["network"].update({key: "os.system"}),
        lambda entries: entries["classes"][0].update({key: "os.system"}),
        lambda entries: entries.update(explanation={"method": "none", key: "os.system"}),
    ):
        entries = json.loads(toys.manifest().to_json())
        spoil(entries)
        raw = pack({"manifest.json": json.dumps(entries).encode(), "network.onnx": b"x", "card.md": b"x"})
        assert refuse(path, raw, mark).code == "E503"


@pytest.mark.parametrize(
    "step", ["os.system", "$eval", "hounsfield.prepare.sequence.build_steps", "9**9**9", "../grey"]
)
def test_11_a_preparing_step_that_names_code(tmp_path, step):
    package = toys.package(tmp_path, prepare=[{"step": step, "command": "touch owned"}])
    with pytest.raises(HounsfieldError) as caught:
        build_steps(package.manifest.prepare)
    assert caught.value.code == "E401"


def test_11_an_expression_stays_a_text(tmp_path):
    package = toys.package(tmp_path, command="$__import__('os').system('touch owned')", licence="9**9**9**9")
    assert package.manifest.licence == "9**9**9**9"


def test_12_a_numpy_pickle_in_place_of_the_network(path, mark):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Evil(mark)], dtype=object), allow_pickle=True)
    assert refuse(path, resealed(buffer.getvalue()), mark).code == "E510"


def huge(nodes, stored=(), outputs=(("logits", ["batch", 2]),)):
    mean, mean_stored = toys.mean_nodes()
    return toys.model_of([*nodes, *mean], list(outputs), [*mean_stored, *stored]).SerializeToString()


HUGE = {
    "constant of shape": huge(
        [helper.make_node("ConstantOfShape", ["size"], ["x"])], [("size", np.array([1 << 20, 1 << 20], np.int64))]
    ),
    "expand": huge(
        [helper.make_node("Expand", ["one", "size"], ["x"])],
        [("one", np.ones((1, 1), np.float32)), ("size", np.array([1 << 16, 1 << 16], np.int64))],
    ),
    "tile": huge(
        [helper.make_node("Tile", ["images", "times"], ["x"])], [("times", np.array([1, 1, 9999, 9999], np.int64))]
    ),
    "pad": huge(
        [helper.make_node("Pad", ["images", "pads"], ["x"])],
        [("pads", np.array([0, 0, 30_000, 30_000, 0, 0, 30_000, 30_000], np.int64))],
    ),
    "resize": huge(
        [helper.make_node("Resize", ["images", "", "scales"], ["x"])],
        [("scales", np.array([1, 1, 5000, 5000], np.float32))],
    ),
    "outer product": huge(
        [helper.make_node("MatMul", ["tall", "wide"], ["x"])],
        [("tall", np.ones((1 << 16, 1), np.float32)), ("wide", np.ones((1, 1 << 16), np.float32))],
    ),
    "padded convolution": huge(
        [helper.make_node("Conv", ["images", "kernel"], ["x"], pads=[20_000, 20_000, 20_000, 20_000])],
        [("kernel", np.ones((1, 1, 1, 1), np.float32))],
    ),
    "many pools": huge(
        [
            helper.make_node("Conv", ["images", "kernel"], ["y0"], pads=[2000, 2000, 2000, 2000]),
            *(helper.make_node("Relu", [f"y{n}"], [f"y{n + 1}"]) for n in range(80)),
        ],
        [("kernel", np.ones((1, 1, 1, 1), np.float32))],
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_12_huge_shapes(path, name):
    assert refuse(path, resealed(HUGE[name])).code == "E512"


def test_12_a_tensor_that_claims_more_than_it_holds(path):
    model = toys.reload(toys.mean_network())
    tensor = next(item for item in model.graph.initializer if item.name == "weights")
    tensor.dims[:] = [1, 1 << 40]
    assert refuse(path, resealed(model.SerializeToString())).code == "E512"
    tensor.dims[:] = [1, 4]
    assert refuse(path, resealed(model.SerializeToString())).code == "E512"


def test_12_an_input_of_huge_shape(path):
    huge_input = toys.mean_network(rows=1 << 20, columns=1 << 20)
    assert refuse(path, resealed(huge_input)).code == "E513"


def with_node(node, opsets=()):
    model = toys.reload(toys.mean_network())
    model.graph.node.append(node)
    model.opset_import.extend(opsets)
    return model.SerializeToString()


def body():
    return helper.make_graph(
        [helper.make_node("Identity", ["in"], ["out"])],
        "body",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
    )


UNWANTED = {
    "foreign domain": with_node(
        helper.make_node("FusedConv", ["images"], ["x"], domain="com.microsoft"),
        [helper.make_opsetid("com.microsoft", 1)],
    ),
    "python operator": with_node(
        helper.make_node("PyOp", ["images"], ["x"], domain="ai.onnx.contrib"),
        [helper.make_opsetid("ai.onnx.contrib", 1)],
    ),
    "loop": with_node(helper.make_node("Loop", ["", ""], ["x"], body=body())),
    "if": with_node(helper.make_node("If", ["images"], ["x"], then_branch=body(), else_branch=body())),
    "random": with_node(helper.make_node("RandomNormalLike", ["images"], ["x"])),
    "non zero": with_node(helper.make_node("NonZero", ["images"], ["x"])),
    "unused domain": with_node(helper.make_node("Relu", ["images"], ["x"]), [helper.make_opsetid("evil", 1)]),
}


@pytest.mark.parametrize("name", UNWANTED)
def test_networks_with_more_than_plain_layers_are_refused(path, name):
    assert refuse(path, resealed(UNWANTED[name])).code == "E511"


def test_functions_training_and_runtime_settings_are_refused(path):
    model = toys.reload(toys.mean_network())
    model.functions.append(
        helper.make_function("evil", "Relu", ["a"], ["b"], [helper.make_node("Abs", ["a"], ["b"])], [])
    )
    assert refuse(path, resealed(model.SerializeToString())).code == "E511"
    model = toys.reload(toys.mean_network())
    model.training_info.add()
    assert refuse(path, resealed(model.SerializeToString())).code == "E511"
    model = toys.reload(toys.mean_network())
    model.metadata_props.add(key="ort_config", value='{"session_options": {}}')
    assert refuse(path, resealed(model.SerializeToString())).code == "E511"
    model = toys.reload(toys.mean_network())
    model.opset_import[0].version = 2000
    assert refuse(path, resealed(model.SerializeToString())).code == "E511"


@pytest.mark.parametrize(
    ("network", "part"),
    [
        (toys.mean_network(rows=13), "images"),
        (toys.reload(toys.mean_network()).SerializeToString().replace(b"images", b"imagez"), "input"),
        (toys.reload(toys.mean_network()).SerializeToString().replace(b"logits", b"logitz"), "outputs"),
        (toys.mean_network(batch=8), "images"),
    ],
)
def test_a_network_that_is_not_the_manifests_is_refused(path, network, part):
    error = refuse(path, resealed(network))
    assert error.code == "E513"
    assert error.facts["part"] == part


def test_a_network_with_other_classes_is_refused(path):
    error = refuse(path, resealed(toys.mean_network(), classes=[{"name": name} for name in "abc"]))
    assert (error.code, error.facts["part"]) == ("E513", "logits")


def test_sizes_that_the_file_states_itself_are_not_believed(path):
    model = toys.reload(HUGE["tile"])
    model.graph.value_info.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 1]))
    assert refuse(path, resealed(model.SerializeToString())).code in {"E510", "E512"}


def test_a_size_that_depends_on_the_samples_is_refused(path):
    nodes = [
        helper.make_node("Cast", ["images"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["whole", "line"], ["sizes"]),
        helper.make_node("Slice", ["sizes", "zero", "two"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["x"]),
    ]
    stored = [
        ("line", np.array([-1], np.int64)),
        ("zero", np.array([0], np.int64)),
        ("two", np.array([2], np.int64)),
    ]
    assert refuse(path, resealed(huge(nodes, stored))).code == "E512"


def test_garbage_of_every_kind_is_refused_with_a_code():
    chance = np.random.default_rng(0)
    good, codes = toys.mean_network(), set()
    for _ in range(400):
        changed = bytearray(good)
        for position in chance.integers(0, len(good), 3):
            changed[position] = int(chance.integers(0, 256))
        codes.add(code_of(bytes(changed)))
    assert codes <= {"taken", "E510", "E511", "E512", "E513"}
    assert len(codes) > 3


def code_of(network):
    """Return the code a network is refused with; any other error is a fault."""
    try:
        check_network(network, toys.manifest())
    except HounsfieldError as error:
        return error.code
    return "taken"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux's /proc")
def test_hostile_packages_stay_within_512_mb(path, tmp_path):
    """One process refuses them all; the kernel's peak of its resident memory counts, imports included."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hounsfield.errors import HounsfieldError\n"
        "from hounsfield.model.package import open_package\n"
        "from hounsfield.model.predictor import Predictor\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        Predictor(open_package(Path(name)))\n"
        "    except HounsfieldError:\n"
        "        continue\n"
        "    sys.exit(3)\n"
        "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')][0]\n"
        "sys.exit(int(peak.split()[1]) > 512 * 1024)\n"
    )
    files = []
    members = [(name, b"x") for name in PARTS if name != "network.onnx"]
    bomb = zipped([*members, ("network.onnx", b"\0" * (200 << 20))], zipfile.ZIP_DEFLATED)
    for index, raw in enumerate([bomb, *(resealed(network) for network in HUGE.values())]):
        files.append(tmp_path / f"{index}.model")
        files[-1].write_bytes(raw)
    assert subprocess.run([sys.executable, "-c", code, *map(str, files)], check=False).returncode == 0


def test_a_good_network_passes(tmp_path):
    assert toys.package(tmp_path).network == toys.mean_network()
    write_package(tmp_path / "cam.model", toys.manifest(), toys.cam_network())


def test_stored_numbers_in_every_field_are_counted():
    model = toys.reload(toys.mean_network())
    tensor = next(item for item in model.graph.initializer if item.name == "weights")
    values = numpy_helper.to_array(tensor).ravel().tolist()
    tensor.ClearField("raw_data")
    tensor.float_data.extend(values)
    check_network(model.SerializeToString(), toys.manifest())
