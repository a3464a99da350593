"""The features that the embedded aligner compares: normalised cepstra and loudness, one frame every 10 ms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speech.audio import Samples

__all__ = ["FRAME_MS", "LOUDNESS", "RATE", "Features", "Frames", "cepstra", "level"]

Frames = npt.NDArray[np.float32]

RATE = 16_000
FRAME_MS = 10
LOUDNESS = [0, 13]
"""The columns of `Features.frames` that hold loudness and its slope."""

# A frame is speech if its log energy lies above this fraction of the recording's range, which reaches
# from its 5th to its 95th percentile.
_SPEECH_SHARE = 0.35
# A recording whose log energies span less than this is taken to contain no silence.
_FLAT = 3.0
# Higher cepstra depend more on the voice and less on the sound that is spoken.
_WEIGHTS = np.array([1, 1, 1, 1, 1, 1, 1, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8], np.float32)


@dataclass(frozen=True, slots=True)
class Features:
    """The features of one recording.

    Attributes:
        frames: (T, 26) cepstra, the first replaced by loudness, and their slopes; normalised to zero
            mean and unit spread over the speech.
        energy: (T,) natural log of the frame's energy.
        loudness: (T,) 0 at the recording's noise floor, 1 at the level of its speech.
        speech: (T,) whether the frame is speech.
    """

    frames: Frames
    energy: Frames
    loudness: Frames
    speech: npt.NDArray[np.bool_]


def cepstra(blocks: Iterable[Samples]) -> Frames:
    """Return the (T, 13) mel cepstra of a recording given in blocks at `RATE` hertz.

    Frame i is centred on 10 i + 5 ms. kaldi-native-fbank processes the blocks as they arrive, so only the
    frames are kept in memory.
    """
    import kaldi_native_fbank as fbank

    options = fbank.MfccOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = RATE
    options.frame_opts.snip_edges = False
    options.frame_opts.window_type = "hamming"
    options.frame_opts.frame_shift_ms = FRAME_MS
    options.mel_opts.num_bins = 26
    options.mel_opts.low_freq = 60
    options.mel_opts.high_freq = 7600
    options.num_ceps = 13
    options.use_energy = True
    options.raw_energy = True
    computer = fbank.OnlineMfcc(options)
    rows: list[Frames] = []
    done = 0
    for block in blocks:
        computer.accept_waveform(RATE, block)
        done = _collect(computer, done, rows)
    computer.input_finished()
    _collect(computer, done, rows)
    return np.concatenate(rows) if rows else np.zeros((0, 13), np.float32)


def _collect(computer: object, done: int, rows: list[Frames]) -> int:
    """Move the frames that are ready into `rows`; return how many have been computed so far."""
    ready: int = computer.num_frames_ready  # type: ignore[attr-defined]
    if ready > done:
        rows.append(np.stack([computer.get_frame(index) for index in range(done, ready)]))  # type: ignore[attr-defined]
        computer.pop(ready - done)  # type: ignore[attr-defined]
    return ready


def level(raw: Frames) -> Features:
    """Normalise the cepstra of one recording, which removes the microphone, the gain and much of the voice."""
    energy = raw[:, 0].copy()
    quiet, loud = np.percentile(energy, [5, 95])
    flat = loud - quiet <= _FLAT
    speech = np.ones(len(energy), bool) if flat else energy > quiet + _SPEECH_SHARE * (loud - quiet)
    frames = (raw - raw[speech].mean(axis=0)) / (raw[speech].std(axis=0) + 1e-3)
    room = max(np.percentile(energy[speech], 90) - quiet, 6.0)
    frames[:, 0] = np.clip((energy - quiet - room) / room, -1.2, 0.5) * 4.5
    frames *= _WEIGHTS
    padded = np.pad(frames, ((2, 2), (0, 0)), mode="edge")
    slopes = (2 * (padded[4:] - padded[:-4]) + (padded[3:-1] - padded[1:-3])) / 5
    speech_level = max(np.percentile(energy[speech], 70) - quiet, 6.0)
    loudness = np.clip((energy - quiet) / speech_level, 0, 1).astype(np.float32)
    return Features(np.hstack([frames, slopes]).astype(np.float32), energy, loudness, speech)
