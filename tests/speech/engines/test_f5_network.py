"""The network that is used on a GPU: here on a CPU, where it computes the same in several steps."""

import subprocess
import sys

import pytest

from tests import TRITON
from tests.conftest import needed

pytestmark = pytest.mark.usefixtures("tiny")

# Like F5TTS_v1_Base, and like the first release, which rotates one head and does not mask the text.
NEW = {"dim": 64, "depth": 2, "heads": 4, "dim_head": 16, "text_dim": 32, "conv_layers": 2, "attn_mask_enabled": True}
OLD = NEW | {"pe_attn_head": 1, "text_mask_padding": False}
BARE = NEW | {"pe_attn_head": 0}
TEXTS = ["The first one, which is the longest of all.", "Another.", "A third one.", "A fourth."]
FRAMES = [300, 200, 250, 250]


def sampled(model, guidance=2.0, texts=TEXTS, frames=FRAMES):
    import torch

    reference = torch.randn(1, 24_000, generator=torch.Generator().manual_seed(1)) * 0.1
    with torch.inference_mode():
        mels, _ = model.sample(
            cond=reference.expand(len(texts), -1), text=texts, duration=torch.tensor(frames), steps=5,
            cfg_strength=guidance, sway_sampling_coef=-1.0, seed=3,
        )  # fmt: skip
    return [mel[:length] for mel, length in zip(mels, frames, strict=True)]


def packed(architecture):
    """The official model, and one whose network is packed, with the same weights."""
    import copy

    import torch

    from speech.engines.f5_network import PackedDiT
    from tests.fakes.networks import f5_model

    official = f5_model(architecture)
    ours = copy.deepcopy(official)
    ours.transformer = PackedDiT(ours.transformer, torch.float32)
    return official.eval(), ours.eval()


def differ(ours, theirs):
    return max(float((left - right).norm() / right.norm()) for left, right in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("architecture", [NEW, OLD, BARE], ids=["new", "old", "no head rotated"])
@pytest.mark.parametrize("guidance", [2.0, 0.0], ids=["guided", "unguided"])
def test_a_batch_is_what_the_official_network_makes_of_its_rows_one_by_one(architecture, guidance):
    official, ours = packed(architecture)
    alone = [sampled(official, guidance, [text], [length])[0] for text, length in zip(TEXTS, FRAMES, strict=True)]
    assert differ(sampled(ours, guidance), alone) < 2e-6


def test_one_sampling_leaves_nothing_behind_for_the_next():
    _, ours = packed(NEW)
    first = sampled(ours)
    sampled(ours, texts=TEXTS[:1], frames=[400])
    assert differ(sampled(ours), first) == 0


@pytest.mark.parametrize("kind", [{"qk_norm": "rms_norm"}, {"long_skip_connection": True}])
def test_a_network_of_another_kind_is_left_to_the_official_code(kind):
    from speech.engines.f5_network import PackedDiT
    from tests.fakes.networks import f5_model

    assert PackedDiT.fits(f5_model(NEW).transformer)
    assert not PackedDiT.fits(f5_model(NEW | kind).transformer)


KERNELS = """
import torch
from speech.engines import f5_kernels as kernels, f5_operations as operations

def differ(ours, theirs):
    return float((ours.float() - theirs.float()).norm() / theirs.float().norm())

torch.manual_seed(0)
# Triton's interpreter cannot multiply matrices in bfloat16.
for dtype, limit in ((torch.float32, 1e-6), (torch.float16, 1e-3)):
    for width in (96, 128):
        x, scale, shift = torch.randn(37, width).to(dtype), *torch.randn(2, width).to(dtype)
        offset, out = torch.randn(width), torch.empty_like(x)
        kernels.norm_kernel[(37,)](x, out, offset, scale, shift, width, 1e-6, WIDTH=128)
        assert differ(out, operations.norm(x, offset, scale, shift)) < limit, ("norm", dtype, width)
    for heads, size in ((4, 32), (3, 16)):
        qkv, (cos, sin) = torch.randn(37, 3, heads, size).to(dtype), torch.randn(2, 37, size // 2)
        theirs, width = qkv.clone(), 2 * heads * size
        operations.rotate(theirs, cos, sin, heads)
        kernels.rotate_kernel[(37,)](qkv, cos, sin, qkv.stride(0), width, WIDTH=operations._wide(width), HALF=size // 2)
        assert differ(qkv, theirs) < limit, ("rotate", dtype, heads)
    x, bias = torch.randn(300, 64).to(dtype), torch.randn(64).to(dtype)
    weight = torch.randn(4, 31, 16, 16).to(dtype) * 0.1
    lengths, out = [100, 130, 70], torch.empty_like(x)
    sizes = torch.tensor(lengths)
    ends = sizes.cumsum(0)
    first, last = (edge.repeat_interleave(sizes).int() for edge in (ends - sizes, ends))
    kernels.convolve_kernel[(3, 4)](x, out, weight, bias, first, last, 300, 64, TAPS=31, CHANNELS=16, BLOCK=128)
    theirs = operations.convolve(x.float(), weight.float(), bias.float(), first, last, lengths)
    assert differ(out, theirs) < limit, ("convolve", dtype)
# On a CPU it goes through the same calls, and would do without kernels if one failed.
operations.prepare(weight, 4, 32)
assert operations._kernels is kernels
print("equal")
"""


def test_the_kernels_compute_what_pytorch_computes(interpreted):
    done = subprocess.run([sys.executable, "-c", KERNELS], env=interpreted, capture_output=True, text=True)
    assert done.stdout == "equal\n", done.stderr


@pytest.fixture
def interpreted():
    """The environment of a process in which Triton runs kernels on the CPU, step by step."""
    import os

    if not TRITON.is_dir():
        needed("Triton is needed, which the whole tests install: python -m tests")
    paths = os.pathsep.join(filter(None, (str(TRITON), os.environ.get("PYTHONPATH"))))
    return os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": paths}
