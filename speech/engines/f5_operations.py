"""Operations of F5-TTS's network on tokens of several rows, one after another without padding (see `f5_network`).

On a GPU each is one kernel of `f5_kernels`; without Triton, on a CPU, and for sizes that are no powers of two, PyTorch
computes the same in several steps.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["convolve", "norm", "prepare", "rotate"]

_log = logging.getLogger(__name__)

_EPSILON = 1e-6
# Tokens of a program of the convolution.
_BLOCK = 128

_kernels: Any = None
# A Triton that is there but cannot be imported must not take F5-TTS with it.
with contextlib.suppress(Exception):
    _kernels = importlib.import_module("speech.engines.f5_kernels")


def prepare(weight: Tensor, heads: int, size: int) -> None:
    """Compile the kernels for a network, and do without them where that fails.

    It fails without a C compiler, on old GPUs, and where the convolution's blocks exceed the GPU's shared memory.

    Args:
        weight: a convolution's weight, as `convolve` takes it.
        heads, size: the heads of the attention, and the features of each.
    """
    global _kernels
    groups, _, channels, _ = weight.shape
    tokens, bias = weight.new_zeros(16, groups * channels), weight.new_zeros(groups * channels)
    first, angles = bias.new_zeros(16, dtype=torch.int32), bias.new_zeros(16, size // 2, dtype=torch.float32)
    try:
        norm(tokens, bias.float(), bias, bias)
        rotate(weight.new_zeros(16, 3, heads, size), angles, angles, heads)
        convolve(tokens, weight, bias, first, first + 16, [16])
    except Exception as fault:
        _log.warning("F5-TTS runs slower than it could, for its GPU kernels cannot be compiled: %s", fault)
        _kernels = None


def norm(x: Tensor, offset: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Normalize each token of x + offset to mean 0 and variance 1, then multiply by 1 + scale and add shift.

    Args:
        x: (tokens, width).
        offset: (width), in float32.
        scale, shift: (width).
    """
    tokens, width = x.shape
    if _kernels is None or not x.is_cuda:
        value = F.layer_norm(x.float() + offset, (width,), eps=_EPSILON)
        return (value * (1 + scale.float()) + shift).to(x.dtype)
    out = torch.empty_like(x)
    _kernels.norm_kernel[(tokens,)](x, out, offset, scale, shift, width, _EPSILON, WIDTH=_wide(width))
    return out


def rotate(qkv: Tensor, cos: Tensor, sin: Tensor, heads: int) -> None:
    """Apply the rotary position embedding (arXiv 2104.09864) to the first heads of queries and keys, in place.

    Args:
        qkv: (tokens, 3, all heads, features of a head).
        cos, sin: (tokens, half the features of a head), in float32.
        heads: how many heads are rotated.
    """
    tokens, _, count, size = qkv.shape
    if _kernels and qkv.is_cuda and heads == count and size & (size - 1) == 0:
        width = 2 * count * size
        _kernels.rotate_kernel[(tokens,)](qkv, cos, sin, qkv.stride(0), width, WIDTH=_wide(width), HALF=size // 2)
        return
    part = qkv[:, :2, :heads]
    even, odd = part.float().unflatten(-1, (size // 2, 2)).unbind(-1)
    c, s = cos[:, None, None], sin[:, None, None]
    part.copy_(torch.stack((even * c - odd * s, odd * c + even * s), -1).flatten(-2))


def convolve(x: Tensor, weight: Tensor, bias: Tensor, first: Tensor, last: Tensor, lengths: list[int]) -> Tensor:
    """Apply a convolution in groups, then Mish, to each row by itself.

    Args:
        x: (tokens, width).
        weight: (groups, taps, channels in, channels out) with an odd number of taps.
        bias: (width).
        first, last: (tokens) the index of the first token of a token's row, and of the one after its last; int32.
        lengths: the tokens of each row.
    """
    tokens, width = x.shape
    groups, taps, channels, _ = weight.shape
    odd = channels < 16 or channels & (channels - 1)
    # In float32 the kernel did not compile within four minutes for a GPU of capability 8.6.
    if _kernels is None or not x.is_cuda or odd or x.dtype == torch.float32:
        kernel = weight.permute(0, 3, 2, 1).reshape(width, channels, taps)
        rows = [F.conv1d(row.T[None], kernel, bias, padding=taps // 2, groups=groups)[0].T for row in x.split(lengths)]
        return F.mish(torch.cat(rows))
    out = torch.empty_like(x)
    _kernels.convolve_kernel[(-(-tokens // _BLOCK), groups)](
        x, out, weight, bias, first, last, tokens, width, TAPS=taps, CHANNELS=channels, BLOCK=_BLOCK
    )
    return out


def _wide(width: int) -> int:
    """Return the next power of two, which Triton's blocks have."""
    return 1 << (width - 1).bit_length()
