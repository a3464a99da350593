"""Descriptions of networks that may come from anybody."""

import copy

import pytest
import yaml

from speech.engines.f5_config import architecture, check_vocabulary, check_vocoder
from speech.errors import ModelError
from tests.fakes.networks import ARCHITECTURE

BASE = {"dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512, "qk_norm": None, "conv_layers": 4}
VOCOS = {
    "feature_extractor": {
        "class_path": "vocos.feature_extractors.MelSpectrogramFeatures",
        "init_args": {"sample_rate": 24000, "n_fft": 1024, "hop_length": 256, "n_mels": 100, "padding": "center"},
    },
    "backbone": {
        "class_path": "vocos.models.VocosBackbone",
        "init_args": {"input_channels": 100, "dim": 512, "intermediate_dim": 1536, "num_layers": 8},
    },
    "head": {
        "class_path": "vocos.heads.ISTFTHead",
        "init_args": {"dim": 512, "n_fft": 1024, "hop_length": 256, "padding": "center"},
    },
}


@pytest.fixture
def model_yaml(tmp_path):
    def write(content):
        path = tmp_path / "model.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize("shape", [BASE, ARCHITECTURE])
def test_the_shape_of_a_real_network_is_taken_as_it_is(model_yaml, shape):
    rest = {"name": "x", "tokenizer": "pinyin", "backbone": "DiT", "mel_spec": {"n_mel_channels": 100}}
    assert architecture(model_yaml({"model": {**rest, "arch": dict(shape)}, "optim": {"epochs": 11}})) == shape


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dim": 2**40}, "model.arch.dim"),
        ({"depth": 10**9}, "model.arch.depth"),
        ({"depth": -1}, "model.arch.depth"),
        ({"dim": "1024; rm"}, "model.arch.dim"),
        ({"conv_layers": 10**6}, "model.arch.conv_layers"),
        ({"dim": 8192, "depth": 128, "heads": 128, "dim_head": 1024}, "billion parameters"),
        ({"_target_": "os.system", "command": "id"}, "_target_"),
        ({"text_num_embeds": 10**12}, "text_num_embeds"),
        ({"qk_norm": {"class_path": "os.system"}}, "qk_norm"),
    ],
)
def test_a_shape_that_nobody_has_is_refused_by_name(model_yaml, change, named):
    with pytest.raises(ModelError, match=named):
        architecture(model_yaml({"model": {"arch": BASE | change}}))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "model:", "model: {arch: 5}", "\x00", "a: [", "[" * 60_000, "x: &a [*a]\nmodel: *b",
        "model: !!python/object/apply:os.system ['id']", "model: {backbone: UNetT, arch: {dim: 8}}", "#" * 70_000,
    ],
)  # fmt: skip
def test_what_describes_no_network_is_refused_in_a_sentence(model_yaml, text):
    with pytest.raises(ModelError, match=r"model\.yaml"):
        architecture(model_yaml(text))


def vocoder(folder, config):
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    check_vocoder(folder)


def test_the_published_vocoder_is_accepted(tmp_path):
    vocoder(tmp_path, VOCOS)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("head", "class_path", "subprocess.Popen"),
        ("backbone", "class_path", "os.system"),
        ("feature_extractor", "class_path", "vocos.feature_extractors.EncodecFeatures"),
        ("backbone", "num_layers", 10**9),
        ("backbone", "intermediate_dim", 10**12),
        ("head", "n_fft", 2**33),
        ("head", "args", ["id"]),
        ("feature_extractor", "n_mels", 10**9),
    ],
)
def test_a_vocoder_cannot_name_what_is_called_or_be_of_any_size(tmp_path, part, field, value):
    config = copy.deepcopy(VOCOS)
    (config[part] if field == "class_path" else config[part]["init_args"])[field] = value
    with pytest.raises(ModelError, match=rf"config\.yaml cannot be used: {part}"):
        vocoder(tmp_path, config)


def test_a_vocabulary_that_is_larger_than_any_is_refused(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("a\n" * 2_000_000)
    with pytest.raises(ModelError, match=r"4\.0 MB"):
        check_vocabulary(path)
