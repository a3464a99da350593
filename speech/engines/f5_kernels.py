"""GPU kernels of `f5_operations`, in Triton, which comes with PyTorch's builds for CUDA and ROCm on Linux.

Tensors are passed as pointers to rows that lie one after another; names in capitals are fixed when it is compiled.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

import triton
import triton.language as tl

__all__ = ["convolve_kernel", "norm_kernel", "rotate_kernel"]


@triton.jit
def norm_kernel(x, out, offset, scale, shift, width, epsilon, WIDTH: tl.constexpr):
    column = tl.arange(0, WIDTH)
    real = column < width
    start = tl.program_id(0).to(tl.int64) * width
    value = tl.load(x + start + column, real, 0).to(tl.float32) + tl.load(offset + column, real, 0)
    distance = tl.where(real, value - tl.sum(value) / width, 0)
    value = distance * tl.rsqrt(tl.sum(distance * distance) / width + epsilon)
    value = value * (1 + tl.load(scale + column, real, 0).to(tl.float32)) + tl.load(shift + column, real, 0)
    tl.store(out + start + column, value.to(out.dtype.element_ty), real)


@triton.jit
def rotate_kernel(qkv, cos, sin, stride, width, WIDTH: tl.constexpr, HALF: tl.constexpr):
    column = tl.arange(0, WIDTH)
    real = column < width
    start = tl.program_id(0).to(tl.int64)
    place = qkv + start * stride + column
    even, odd = tl.split(tl.reshape(tl.load(place, real, 0).to(tl.float32), (WIDTH // 2, 2)))
    angle = start * HALF + tl.arange(0, WIDTH // 2) % HALF
    c, s = tl.load(cos + angle), tl.load(sin + angle)
    turned = tl.reshape(tl.join(even * c - odd * s, odd * c + even * s), (WIDTH,))
    tl.store(place, turned.to(qkv.dtype.element_ty), real)


@triton.jit
def convolve_kernel(
    x, out, weight, bias, first, last, tokens, width,
    TAPS: tl.constexpr, CHANNELS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    channel = tl.arange(0, CHANNELS)
    group = tl.program_id(1)
    real = token < tokens
    start, end = tl.load(first + token, real, 0), tl.load(last + token, real, 0)
    total = tl.zeros((BLOCK, CHANNELS), tl.float32)
    for tap in range(TAPS):
        source = token + tap - TAPS // 2
        inside = (source >= start) & (source < end)
        place = source.to(tl.int64)[:, None] * width + group * CHANNELS + channel[None, :]
        values = tl.load(x + place, inside[:, None], 0)
        table = (group * TAPS + tap) * CHANNELS * CHANNELS
        total = tl.dot(
            values, tl.load(weight + table + channel[:, None] * CHANNELS + channel[None, :]), total,
            input_precision="ieee",
        )  # fmt: skip
    total += tl.load(bias + group * CHANNELS + channel)[None, :].to(tl.float32)
    # Mish: x tanh(log(1 + exp(x))), where tanh(log(u)) = (u^2 - 1) / (u^2 + 1); beyond 20 it is x.
    grown = 1 + tl.exp(tl.minimum(total, 20.0))
    square = grown * grown
    total = tl.where(total > 20, total, total * (square - 1) / (square + 1))
    place = token.to(tl.int64)[:, None] * width + group * CHANNELS + channel[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty), real[:, None])
