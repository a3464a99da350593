"""F5-TTS's network on a GPU: the official weights and the same computation, in fewer and larger steps.

In one step of the sampler all rows of a batch share the time, which the official code does not use: with it,
a layer's modulation is one vector for all tokens, and its gates are folded into the weights before them. The tokens
of all rows, conditional and unconditional, lie one after another without padding, so that rows of any lengths make a
batch, no mask is needed, and attention takes PyTorch's fastest kernel. Small batches, whose kernels are shorter than
the time to start them, are recorded once for each sampling as a CUDA graph. Figures: benchmarks/RESULTS.md.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import cycle, groupby
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from speech.engines.f5_operations import convolve, norm, prepare, rotate

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PackedDiT"]

# Above this number of tokens the GPU is busy longer than the CPU takes to start the kernels.
_GRAPH_TOKENS = 20_000
_STREAMS = 2


@dataclass(frozen=True)
class _Layer:
    """The weights of a layer: modulation, queries with keys and values, output of attention, and feed-forward."""

    modulation: tuple[Tensor, Tensor]
    qkv: tuple[Tensor, Tensor]
    out: tuple[Tensor, Tensor]
    inner: tuple[Tensor, Tensor]
    outer: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class _Layout:
    """What stays the same during a sampling, for all tokens of all rows, one after another.

    Attributes:
        index: (tokens) where each token lies in the padded batch, flattened.
        back: (tokens) where each token's result lies in the padded result, flattened.
        lengths: tokens of each row; the two rows of a chunk follow each other.
        bounds: (rows + 1) where the rows begin and the last one ends.
        first, last: (tokens) the index of the first token of a token's row, and of the one after its last.
        cos, sin: (tokens, half the features of a head) the rotary position embedding.
        fixed: (tokens, width) what the reference and the text contribute to the input.
    """

    index: Tensor
    back: Tensor
    lengths: list[int]
    bounds: Tensor
    first: Tensor
    last: Tensor
    cos: Tensor
    sin: Tensor
    fixed: Tensor


class PackedDiT(nn.Module):  # type: ignore[misc]
    """Takes the place of f5_tts's DiT in its sampler.

    Args:
        dit: the official network with its weights, which are taken over; it cannot be used afterwards.
        dtype: the number format of the computation.
        flash: whether attention is flash-attn's instead of PyTorch's own.
    """

    def __init__(self, dit: Any, dtype: torch.dtype, *, flash: bool = False) -> None:
        super().__init__()
        self.dim, self.text_embed, self._dtype, self._flash = dit.dim, dit.text_embed, dtype, flash
        attention = dit.transformer_blocks[0].attn
        self._heads = attention.heads
        rotated = attention.processor.pe_attn_head
        self._rotated = attention.heads if rotated is None else rotated
        self._time_embed = dit.time_embed
        self._input = self._pair(dit.input_embed.proj)
        self._convolutions = [
            (self._grouped(layer), layer.bias.to(dtype))
            for layer in dit.input_embed.conv_pos_embed.conv1d
            if isinstance(layer, nn.Conv1d)
        ]
        self._layers = [self._layer(block) for block in dit.transformer_blocks]
        self._final = self._pair(dit.norm_out.linear)
        self._output = self._pair(dit.proj_out)
        size = dit.rotary_embed.inv_freq.numel()
        # The official buffer is rounded with the weights; at position 2,000 float16 is off by half a radian.
        self._frequencies = 1 / 10_000 ** (torch.arange(size, device=self._input[0].device) / size)
        if self._frequencies.is_cuda:
            prepare(self._convolutions[0][0], self._heads, 2 * size)
        # The graph of the latest sampling. It lives until there is a next one, which takes over its memory; PyTorch
        # would keep the memory of each for itself until there is none left.
        self._recorded: Any = None
        # Made once, since cuBLAS keeps memory for each stream that it has seen.
        self._streams = [torch.cuda.Stream() for _ in range(_STREAMS)] if self._frequencies.is_cuda else []
        self.clear_cache()

    @staticmethod
    def fits(dit: Any) -> bool:
        """Check whether the network has nothing that is not computed here."""
        attention = dit.transformer_blocks[0].attn
        return attention.q_norm is None and dit.long_skip_connection is None and dit.rotary_embed.scale is None

    def _pair(self, linear: Any) -> tuple[Tensor, Tensor]:
        return linear.weight.detach().to(self._dtype), linear.bias.detach().to(self._dtype)

    def _layer(self, block: Any) -> _Layer:
        parts = [self._pair(part) for part in (block.attn.to_q, block.attn.to_k, block.attn.to_v)]
        # Freed at once, or the weights would be there twice.
        block.attn.to_q = block.attn.to_k = block.attn.to_v = None
        weights, biases = zip(*parts, strict=True)
        return _Layer(
            self._pair(block.attn_norm.linear),
            (torch.cat(weights), torch.cat(biases)),
            self._pair(block.attn.to_out[0]),
            self._pair(block.ff.ff[0][0]),
            self._pair(block.ff.ff[2]),
        )

    def _grouped(self, layer: nn.Conv1d) -> Tensor:
        weight = layer.weight.detach().to(self._dtype).unflatten(0, (layer.groups, -1))
        return weight.permute(0, 3, 2, 1).contiguous()

    def clear_cache(self) -> None:
        """Forget the sampling that has ended; f5_tts's sampler calls this."""
        self._layout: _Layout | None = None
        # A CUDA graph, or False where there can be none; and the tensors that it reads and writes.
        self._graph: Any = None
        self._static: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(
        self, x: Tensor, cond: Tensor, text: Tensor, time: Tensor, mask: Tensor | None = None, cfg_infer: bool = False,
        **_: object,
    ) -> Tensor:  # fmt: skip
        """Predict the flow, as f5_tts's DiT does.

        Args:
            x: (rows, frames, bands) the noised spectrograms.
            cond: (rows, frames, bands) the reference's spectrogram, followed by zeros.
            text: (rows, symbols) indices into the vocabulary.
            time: the time of all rows.
            mask: (rows, frames) which frames are no padding.
            cfg_infer: whether to predict without reference and text, too, for classifier-free guidance.

        Returns:
            (rows, frames, bands), followed along the first axis by the unconditional rows if `cfg_infer`.
        """
        if self._layout is None:
            self._layout = self._lay_out(cond, text, mask, cfg_infer)
            try:
                return self._predict(x, time, self._layout)
            except torch.cuda.OutOfMemoryError:
                if self._recorded is None:
                    raise
            # What the latest graph keeps for the next one is needed now.
            self._recorded = None
            return self._predict(x, time, self._layout)
        if self._graph is None:
            small = x.is_cuda and len(self._layout.index) <= _GRAPH_TOKENS
            self._graph = small and self._record(x, time, self._layout)
        if self._static is None:
            return self._predict(x, time, self._layout)
        self._static[0].copy_(x)
        self._static[1].copy_(time)
        self._graph.replay()
        return self._static[2]

    def _record(self, x: Tensor, time: Tensor, layout: _Layout) -> Any:
        """Return the recorded kernels of a step, or False if recording takes more memory than there is."""
        graph, stream = torch.cuda.CUDAGraph(), self._streams[0]
        pool = None if self._recorded is None else self._recorded.pool()
        try:
            x, time = x.clone(), time.clone()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                # Other threads may do to the GPU what this one must not while it records.
                graph.capture_begin(pool, capture_error_mode="thread_local")
                try:
                    out = self._predict(x, time, layout)
                finally:
                    graph.capture_end()
        except RuntimeError:
            self._recorded = None
            return False
        torch.cuda.current_stream().wait_stream(stream)
        self._static, self._recorded = (x, time, out), graph
        return graph

    def _lay_out(self, cond: Tensor, text: Tensor, mask: Tensor | None, guided: bool) -> _Layout:
        rows, frames, _ = cond.shape
        chunks = [frames] * rows if mask is None else mask.sum(1).tolist()
        sides = 2 if guided else 1
        lengths = [length for length in chunks for _ in range(sides)]
        spots = [torch.arange(length) for length in lengths]
        ends = torch.tensor(lengths).cumsum(0)
        sizes = torch.tensor(lengths)
        starts = (ends - sizes).repeat_interleave(sizes)
        source = torch.cat([spot + row // sides * frames for row, spot in enumerate(spots)])
        back = torch.cat([spot + (row % sides * rows + row // sides) * frames for row, spot in enumerate(spots)])
        place = cond.device
        index = source.to(place)
        seconds = torch.cat(spots).to(place)[:, None] * self._frequencies
        # Row by row: the official code norms a text over its padding, too, so beside a longer one it would differ.
        texts = [
            self.text_embed(text[row // sides][None], length, drop_text=bool(row % sides))[0]
            for row, length in enumerate(lengths)
        ]
        audible = torch.cat([torch.full((length,), row % sides == 0) for row, length in enumerate(lengths)]).to(place)
        reference = cond.to(self._dtype).flatten(0, 1)[index] * audible[:, None]
        weight, bias = self._input
        bands = cond.shape[-1]
        fixed = F.linear(torch.cat((reference, torch.cat(texts).to(self._dtype)), -1), weight[:, bands:], bias)
        return _Layout(
            index, back.to(place), lengths, F.pad(ends, (1, 0)).to(place, torch.int32), starts.to(place, torch.int32),
            ends.repeat_interleave(sizes).to(place, torch.int32), seconds.cos(), seconds.sin(), fixed,
        )  # fmt: skip

    def _predict(self, x: Tensor, time: Tensor, layout: _Layout) -> Tensor:
        rows, frames, bands = x.shape
        emb = F.silu(self._time_embed(time.reshape(1)))[0].to(self._dtype)
        h = x.to(self._dtype).flatten(0, 1)[layout.index]
        h = torch.addmm(layout.fixed, h, self._input[0][:, :bands].t())
        near = h
        for weight, bias in self._convolutions:
            near = convolve(near, weight, bias, layout.first, layout.last, layout.lengths)
        h = h + near
        # The biases before the gates, which are the same for all tokens; added where the sum is read.
        offset = torch.zeros(self.dim, dtype=torch.float32, device=x.device)
        for layer in self._layers:
            self._apply(layer, h, emb, offset, layout)
        scale, shift = F.linear(emb, *self._final).chunk(2)
        flow = F.linear(norm(h, offset, scale, shift), *self._output).to(x.dtype)
        out = flow.new_zeros(rows * frames * (2 if len(layout.lengths) > rows else 1), bands)
        out[layout.back] = flow
        return out.unflatten(0, (-1, frames))

    def _apply(self, layer: _Layer, h: Tensor, emb: Tensor, offset: Tensor, layout: _Layout) -> None:
        """Add a layer's result to h and offset, in place."""
        shift, scale, gate, inner_shift, inner_scale, outer_gate = F.linear(emb, *layer.modulation).chunk(6)
        qkv = F.linear(norm(h, offset, scale, shift), *layer.qkv).unflatten(-1, (3, self._heads, -1))
        rotate(qkv, layout.cos, layout.sin, self._rotated)
        _add(h, offset, self._attend(qkv, layout), layer.out, gate)
        weight, bias = layer.inner
        inner = _gelu(norm(h, offset, inner_scale, inner_shift), weight, bias)
        _add(h, offset, inner, layer.outer, outer_gate)

    def _attend(self, qkv: Tensor, layout: _Layout) -> Tensor:
        """Let the tokens of each row attend to each other.

        Args:
            qkv: (tokens, 3, heads, features of a head).

        Returns:
            (tokens, heads * features of a head).
        """
        if self._flash:
            from flash_attn import flash_attn_varlen_func

            longest = max(layout.lengths)
            out: Tensor = flash_attn_varlen_func(*qkv.unbind(1), layout.bounds, layout.bounds, longest, longest)
            return out.flatten(1)
        # Rows of equal length that follow each other go together, such as the two of a chunk.
        groups = [(length, len(list(rows))) for length, rows in groupby(layout.lengths)]
        if len(groups) == 1:
            return _attend_evenly(qkv, *groups[0])
        sizes = [length * rows for length, rows in groups]
        out = torch.empty_like(qkv[:, 0]).flatten(1)
        # Beside each other, so that the last blocks of one group leave no part of the GPU idle.
        streams = self._streams if len(qkv) > _GRAPH_TOKENS else []
        turns = cycle([torch.cuda.stream(stream) for stream in streams] or [contextlib.nullcontext()])
        for stream in streams:
            stream.wait_stream(torch.cuda.current_stream())
        try:
            for group, source, target, turn in zip(groups, qkv.split(sizes), out.split(sizes), turns, strict=False):
                with turn:
                    target.copy_(_attend_evenly(source, *group))
        finally:
            # After an error, too: what the streams read and write is freed then, and taken by the next batch.
            for stream in streams:
                torch.cuda.current_stream().wait_stream(stream)
        return out


def _attend_evenly(qkv: Tensor, length: int, rows: int) -> Tensor:
    """Let the tokens of rows of one length attend to each other; see `PackedDiT._attend`."""
    part = qkv.unflatten(0, (rows, length))
    out = F.scaled_dot_product_attention(*part.permute(2, 0, 3, 1, 4))
    return out.transpose(1, 2).reshape(rows * length, -1)


def _add(h: Tensor, offset: Tensor, x: Tensor, linear: tuple[Tensor, Tensor], gate: Tensor) -> None:
    """Add gate (x weight + bias) to h + offset, in place."""
    weight, bias = linear
    h.addmm_(x, (weight * gate[:, None]).t())
    offset += gate.float() * bias


def _gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if x.is_cuda:
        # One kernel for both, which takes the same approximation.
        return torch._addmm_activation(bias, x, weight.t(), use_gelu=True)
    return F.gelu(F.linear(x, weight, bias), approximate="tanh")
