from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from recurra.core.errors import FormatError
from recurra.core.parameters import initialise
from recurra.core.spec import Cell
from recurra.formats.model_file import load_model, read_document, save_model
from recurra.formats.tensor_file import write_tensors
from recurra.formats.torch_layout import params_from_torch, params_to_torch
from tests.cases import VARIANTS, make_spec

PROVENANCE = {"data": {"name": "made up"}, "steps": 3}


def document(spec):
    return {"spec": spec.model_dump(mode="json"), "task": {"kind": "toy"}, "provenance": PROVENANCE}


@pytest.fixture
def spec():
    return make_spec(sizes=(5, 5), reads="one_hot")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("tied", [False, True])
def test_what_is_saved_comes_back_bit_for_bit(tmp_path, variant, tied, dtype):
    spec = make_spec(VARIANTS[variant], sizes=(4, 5), tied=tied)
    weights = initialise(spec, 1, dtype)
    save_model(tmp_path / "m.safetensors", weights, document(spec))
    found, meta = load_model(tmp_path / "m.safetensors")
    assert set(found) == set(weights)
    for name, array in weights.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert meta == {**document(spec), "format_version": 1}
    assert read_document(tmp_path / "m.safetensors") == meta


def test_it_loads_into_pytorch_in_three_lines(tmp_path, spec):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import load_file

    from recurra.engines import EngineOptions
    from recurra.engines.reference import ReferenceEngine

    weights = initialise(spec, 1)
    save_model(tmp_path / "m.safetensors", weights, document(spec))

    tensors = load_file(tmp_path / "m.safetensors")
    lstm = torch.nn.LSTM(7, 5, 2)
    lstm.load_state_dict({n: t for n, t in tensors.items() if "_l" in n})

    tokens = np.arange(12).reshape(6, 2) % 7
    with torch.no_grad():
        hidden, _ = lstm(torch.nn.functional.one_hot(torch.as_tensor(tokens), 7).float())
        want = hidden @ tensors["head.weight"].T + tensors["head.bias"]
    network = ReferenceEngine(EngineOptions(engine="reference")).build(spec, weights)
    got, _ = network.forward(tokens, network.zero_state(2))
    np.testing.assert_allclose(got, want.numpy(), atol=1e-6)


def test_a_second_bias_of_pytorch_is_added_in(tmp_path, spec):
    weights = initialise(spec, 1)
    tensors = params_to_torch(weights)
    tensors["bias_hh_l1"] = np.full(20, 0.25, np.float32)
    write_tensors(
        tmp_path / "m.safetensors", tensors, "recurra", {**document(spec), "format_version": 1}
    )
    found, _ = load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(found["bias_ih_l1"], weights["bias_ih_l1"] + 0.25)
    np.testing.assert_array_equal(found["bias_ih_l0"], weights["bias_ih_l0"])


def test_weights_of_torch_modules_go_both_ways():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for gru, module in ((False, torch.nn.LSTM(3, 4, 2)), (True, torch.nn.GRU(3, 4, 2))):
        theirs = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
        ours = params_from_torch(module.state_dict(), gru=gru)
        assert ("bias_hh_l0" in ours) == gru
        back = params_to_torch(ours, gru=gru)
        assert set(back) == set(theirs)
        for k in range(2):
            got = back[f"bias_ih_l{k}"] + back[f"bias_hh_l{k}"]
            np.testing.assert_array_equal(got, theirs[f"bias_ih_l{k}"] + theirs[f"bias_hh_l{k}"])


def test_a_bias_without_its_pair_is_refused():
    with pytest.raises(FormatError, match="'bias_hh_l0' has no 'bias_ih_l0'"):
        params_from_torch({"bias_hh_l0": np.zeros(4)})


def test_saving_checks_the_weights(tmp_path, spec):
    weights = initialise(spec, 1)
    del weights["head.bias"]
    with pytest.raises(FormatError, match=r"lack 'head\.bias'"):
        save_model(tmp_path / "m.safetensors", weights, document(spec))
    assert list(tmp_path.iterdir()) == []


def changed(tmp_path, spec, change=None, tensors=None):
    """Return the path of a model file with another document or other tensors."""
    path = tmp_path / "m.safetensors"
    made = {**document(spec), "format_version": 1, **(change or {})}
    write_tensors(path, tensors or params_to_torch(initialise(spec, 1)), "recurra", made)
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format_version": 2}, "format version 2.*newer"),
        ({"format_version": "1"}, "'format_version' is '1'"),
        ({"spec": None}, "lacks the object 'spec'"),
        ({"task": []}, "lacks the object 'task'"),
        ({"spec": {"input": {"kind": "one_hot"}}}, "missing"),
        ({"spec": {"sizes": 3}}, "spec|input|missing|setting"),
    ],
)
def test_a_wrong_document_is_one_sentence(tmp_path, spec, change, sentence):
    with pytest.raises(FormatError, match=sentence) as error:
        load_model(changed(tmp_path, spec, change))
    assert "m.safetensors" in str(error.value)


def test_wrong_tensors_are_named(tmp_path, spec):
    good = params_to_torch(initialise(spec, 1))
    for wrong, sentence in (
        ({**good, "head.bias": np.zeros(8, np.float32)}, r"'head\.bias' is \[8\]"),
        ({**good, "extra": np.zeros(1, np.float32)}, "'extra'"),
        ({**good, "bias_hh_l0": np.zeros(3, np.float32)}, "'bias_hh_l0'"),
        ({**good, "head.bias": np.zeros(7)}, "mix F32, F64"),
        ({**good, "head.bias": np.zeros(7, np.int8)}, "holds I8"),
    ):
        with pytest.raises(FormatError, match=sentence):
            load_model(changed(tmp_path, spec, tensors=wrong))


def test_files_that_are_no_models_are_refused(tmp_path):
    for name, content, sentence in (
        ("empty", b"", "cut short"),
        ("text", b"once upon a time", "cut short"),
        ("huge", (2**62).to_bytes(8, "little") + b"{}", "cut short"),
        ("bare", (2).to_bytes(8, "little") + b"{}", "not Recurra's"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(FormatError, match=sentence):
            load_model(path)
    with pytest.raises(FormatError, match="does not exist"):
        load_model(tmp_path / "missing")
    with pytest.raises(FormatError, match="is a folder"):
        load_model(tmp_path)


def test_a_header_that_claims_gigabytes_allocates_nothing(tmp_path):
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}})
    path = tmp_path / "claims"
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + b"\0" * 64)
    tracemalloc.start()
    with pytest.raises(FormatError):
        load_model(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_two_thousand_broken_files_give_a_model_or_a_sentence(tmp_path):
    spec = make_spec(Cell(), sizes=(2,))
    path = tmp_path / "m.safetensors"
    save_model(path, initialise(spec, 1), document(spec))
    good = path.read_bytes()
    header = int.from_bytes(good[:8], "little") + 8
    rng = np.random.default_rng(11)
    opened = 0
    sentences = []
    tracemalloc.start()
    for trial in range(2000):
        broken = bytearray(good)
        if trial % 4 == 0:
            del broken[int(rng.integers(len(broken))) :]
        elif trial % 4 == 1:
            start = int(rng.integers(header))
            del broken[start : start + int(rng.integers(1, 9))]
        else:
            # Digits and quotes make headers that are JSON still, and lie.
            for place in rng.integers(0, header if trial % 8 else len(broken), rng.integers(1, 4)):
                broken[place] = rng.choice(np.frombuffer(b'0123456789"{}[],:-e\x00\xff ', np.uint8))
        path.unlink()  # to empty a file and fill it again waits for the disk
        path.write_bytes(broken)
        try:
            load_model(path)
            opened += 1
        except FormatError as error:
            sentences.append(str(error))
        if trial == 200:  # tracing makes the rest ten times slower
            assert tracemalloc.get_traced_memory()[1] < 2**23
            tracemalloc.stop()
    assert all("m.safetensors" in s and len(s) < 1000 for s in sentences)
    assert 0 < opened < 1000
