"""The door for files that somebody made elsewhere."""

import struct
import subprocess
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from speech.audio import blocks, duration_ms
from speech.encoding import ENCODERS, encode
from speech.errors import AudioError, SpeechError, VideoError
from speech.media import Plain, admit, ffmpeg, open_audio
from speech.video import probe
from tests import PATIENCE
from tests.mutations import KINDS, with_checksums, write_seeds

RATE = 16_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds")
    write_seeds(folder)
    return folder


@pytest.fixture
def no_decoder(tmp_path, monkeypatch):
    """A place where an ffmpeg on the path would leave a trace."""
    (tmp_path / "bin").mkdir()
    stand_in = tmp_path / "bin" / "ffmpeg"
    stand_in.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return tmp_path / "started"


def heard(path):
    return np.concatenate(list(blocks(path, RATE)))


@pytest.mark.service
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_whatever_its_name(kind, seeds, tmp_path):
    for seed in (seeds / kind).iterdir():
        renamed = tmp_path / "voice.txt"
        renamed.write_bytes(seed.read_bytes())
        assert 2_000 < len(heard(renamed)) < 6_000, seed.name


@pytest.mark.service
def test_a_tag_before_it_hides_no_kind(seeds, tmp_path):
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10)
    for name in ("flac/a.flac", "aac/a.aac", "mp3/a.mp3"):
        (tmp_path / "tagged").write_bytes(tag + (seeds / name).read_bytes())
        assert len(heard(tmp_path / "tagged")) > 2_000


NAMES_OTHERS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n",
    "hls without an end": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n",
    "concat": b"ffconcat version 1.0\nfile secret.wav\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic"></MPD>',
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "playlist": b"[playlist]\nFile1=secret.wav\n",
    "subtitles": b"1\n00:00:00,000 --> 00:00:01,000\nHello\n",
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>',
    "data": b"data:audio/wav;base64,UklGRg==",
    "zip": b"PK\x03\x04" + bytes(64),
    "nothing": b"",
}


@pytest.mark.parametrize("content", NAMES_OTHERS.values(), ids=NAMES_OTHERS)
def test_playlists_and_what_else_is_not_taken_reach_no_decoder(content, tmp_path, no_decoder):
    (tmp_path / "voice.wav").write_bytes(content)
    refused = r"voice\.wav is not audio or video in a supported format: WAV, .* MP3\."
    for read in (heard, duration_ms, lambda path: admit(path, tmp_path), probe):
        with pytest.raises(SpeechError, match=refused):
            read(tmp_path / "voice.wav")
    with pytest.raises(AudioError, match=refused):
        encode(tmp_path / "voice.wav", tmp_path / "a.mp3", ENCODERS["mp3"])
    assert not no_decoder.exists()


@pytest.mark.parametrize("start", ["mp3/a.mp3", "mp4/a.m4a", "wav/a.wav", "ogg/opus.ogg", "mpegts/film.ts"])
def test_a_playlist_under_the_head_of_another_kind_opens_no_other_file(start, seeds, tmp_path):
    """Told the kind, ffmpeg does not look for another one."""
    soundfile.write(tmp_path / "secret.wav", TONE, RATE)
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n"
    (tmp_path / "voice.wav").write_bytes((seeds / start).read_bytes()[:377] + b"\n" + playlist)
    with suppress(AudioError):
        assert len(heard(tmp_path / "voice.wav")) < RATE / 2


def test_a_film_that_refers_to_another_file_does_not_get_it(tmp_path):
    """QuickTime's references name files in which the samples lie."""
    pcm = tmp_path / "secret.mov"
    sound = ["-f", "lavfi", "-i", "sine=d=1", "-c:a", "pcm_s16le", "-metadata", "encoder="]
    subprocess.run([ffmpeg(), "-v", "error", *sound, pcm], check=True, timeout=PATIENCE)
    whole = pcm.read_bytes()
    # The reference to itself becomes one to the file beside it, and its own samples go.
    there = whole.index(b"dref") - 4
    size = int.from_bytes(whole[there : there + 4], "big")
    alias = b"\x00\x00\x00\x1curl \x00\x00\x00\x00secret.mov\x00\x00\x00\x00\x00\x00"
    reference = struct.pack(">I", 16 + len(alias)) + b"dref" + bytes(4) + struct.pack(">I", 1) + alias
    grown = len(reference) - size
    changed = bytearray(whole[:there] + reference + whole[there + size :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        at = changed.index(name) - 4
        changed[at : at + 4] = struct.pack(">I", int.from_bytes(changed[at : at + 4], "big") + grown)
    at = changed.index(b"mdat") + 4
    end = changed.index(b"moov") - 4 if changed.index(b"moov") > at else len(changed)
    changed[at:end] = bytes(end - at)
    (tmp_path / "voice.mov").write_bytes(changed)
    with suppress(AudioError):
        assert not heard(tmp_path / "voice.mov").any()


def wav(rate=RATE, channels=1, claimed=None, content=bytes(32_000)):
    size = len(content) if claimed is None else claimed
    head = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2 & 0xFFFFFFFF, channels * 2 & 0xFFFF, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size & 0xFFFFFFFF)
        + b"WAVEfmt "
        + head
        + b"data"
        + struct.pack("<I", size)
        + content
    )


@pytest.mark.parametrize("rate", [1, 3_999, 192_001, 2**31 - 1, 2**32 - 1])
def test_rates_that_nobody_records_at_are_refused(rate, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(rate))
    with pytest.raises(AudioError, match=rf"a\.wav has {rate:,} samples a second; 4,000 to 192,000 are supported"):
        heard(tmp_path / "a.wav")


def test_a_rate_that_only_a_header_tells_is_refused_and_takes_no_memory(seeds, tmp_path):
    told = bytearray((seeds / "ogg" / "vorbis.ogg").read_bytes())
    at = told.index(b"\x01vorbis") + 12
    told[at : at + 4] = struct.pack("<I", 2**31 - 1)
    (tmp_path / "a.ogg").write_bytes(with_checksums(told))
    with pytest.raises(AudioError, match=r"a\.ogg has 2,147,483,647 samples a second"):
        heard(tmp_path / "a.ogg")


def test_a_flac_with_many_samples_a_second_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros((655_350, 8)), 655_350)
    with pytest.raises(AudioError, match="655,350 samples a second"):
        heard(tmp_path / "a.flac")


@pytest.mark.parametrize("channels", [9, 255, 65_535])
def test_more_than_eight_channels_are_refused(channels, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(channels=channels, content=bytes(1_000_000)))
    with pytest.raises(AudioError, match=f"has {channels} channels; 1 to 8 are supported"):
        heard(tmp_path / "a.wav")


def test_more_channels_in_a_compressed_file_are_refused_too(tmp_path):
    soundfile.write(tmp_path / "a.ogg", np.zeros((RATE, 9)), RATE, format="OGG", subtype="VORBIS")
    with pytest.raises(AudioError, match=r"a\.ogg"):
        heard(tmp_path / "a.ogg")


@pytest.mark.parametrize("claimed", [0, 5, 2**31, 2**32 - 1])
def test_what_a_header_tells_of_its_length_is_not_believed(claimed, tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(claimed=claimed))
    assert duration_ms(tmp_path / "a.wav") == (0 if claimed == 5 else 1000)


def test_a_flac_that_tells_of_a_day_and_holds_a_second_lasts_a_second(tmp_path):
    soundfile.write(tmp_path / "a.flac", TONE, RATE)
    told = bytearray((tmp_path / "a.flac").read_bytes())
    told[21:26] = bytes((told[21] | 0x0F, 0xFF, 0xFF, 0xFF, 0xFF))
    (tmp_path / "a.flac").write_bytes(told)
    assert duration_ms(tmp_path / "a.flac") == 1000


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_what_lasts_too_long_is_refused_after_so_many_seconds(name, tmp_path):
    soundfile.write(tmp_path / name, np.zeros(RATE * 61), RATE)
    with pytest.raises(AudioError, match=rf"{name} is longer than 1 minutes"), open_audio(tmp_path / name, 60) as sound:
        list(sound.blocks)
    with open_audio(tmp_path / name, 61) as sound:
        assert sum(map(len, sound.blocks)) == RATE * 61


def test_blocks_are_small_whatever_the_rate_and_the_channels(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((192_000 * 4, 8), np.int16), 192_000)
    with open_audio(tmp_path / "a.wav") as sound:
        sizes = [block.size for block in sound.blocks]
    assert sum(sizes) == 192_000 * 4 * 8
    assert max(sizes) <= 4_000_000


def test_a_plain_file_is_admitted_as_it_is_and_another_as_a_plain_one(tmp_path):
    stereo = np.stack([TONE, -TONE / 2], axis=1)
    soundfile.write(tmp_path / "plain.wav", stereo, RATE)
    soundfile.write(tmp_path / "a.flac", stereo, RATE)
    (tmp_path / "in").mkdir()
    assert admit(tmp_path / "plain.wav", tmp_path / "in") == tmp_path / "plain.wav"
    mixed = Plain.find(admit(tmp_path / "a.flac", tmp_path / "in"))
    assert (mixed.rate, mixed.channels, mixed.frames) == (RATE, 1, RATE)
    both = Plain.find(admit(tmp_path / "a.flac", tmp_path / "in", mono=False))
    assert (both.rate, both.channels, both.frames) == (RATE, 2, RATE)
    assert np.abs(np.concatenate(list(both.read())) - stereo * 32768).max() <= 1


def test_where_there_is_no_room_the_fault_says_so(tmp_path):
    soundfile.write(tmp_path / "a.flac", TONE, RATE)
    (tmp_path / "in").write_text("no folder")
    with pytest.raises(AudioError, match=r"a\.flac cannot be decoded into"):
        admit(tmp_path / "a.flac", tmp_path / "in")


@pytest.mark.parametrize(
    "name", ["-i.flac", "http:x.flac", "concat:a|b.flac", "%03d.flac", "a b'c.flac", "pipe:0.flac"]
)
def test_any_name_is_a_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / name, TONE, RATE, format="FLAC")
    found = next(tmp_path.iterdir()).relative_to(tmp_path)
    assert len(heard(found)) == RATE


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3"):
        soundfile.write(tmp_path / name, np.random.default_rng(1).normal(0, 0.1, RATE * 20), RATE)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        assert RATE * 5 < len(heard(tmp_path / name)) < RATE * 15, name


def test_a_film_without_sound_is_no_recording(tmp_path):
    silent = tmp_path / "a.mp4"
    picture = ["-f", "lavfi", "-i", "color=black:s=32x32:d=0.2"]
    subprocess.run([ffmpeg(), "-v", "error", *picture, silent], check=True, timeout=PATIENCE)
    with pytest.raises(AudioError, match=r"a\.mp4 has no sound"):
        heard(silent)


def test_decoders_that_are_not_listed_are_not_run(tmp_path):
    """TTA in Matroska: the kind is taken, the codec is not."""
    odd = tmp_path / "a.mkv"
    subprocess.run(
        [ffmpeg(), "-v", "error", "-f", "lavfi", "-i", "sine=d=0.5", "-c:a", "tta", odd], check=True, timeout=PATIENCE
    )
    with pytest.raises(AudioError, match=r"a\.mkv holds no sound that can be decoded"):
        heard(odd)


@pytest.mark.service
def test_a_film_beyond_what_cinemas_show_is_refused(tmp_path):
    large = tmp_path / "a.mkv"
    picture = ["-f", "lavfi", "-i", "color=black:s=16000x16000:d=0.04:r=25", "-c:v", "png", "-frames:v", "1"]
    subprocess.run([ffmpeg(), "-v", "error", *picture, large], check=True, timeout=120)
    with pytest.raises(VideoError, match="is larger than 4096x2304 pixels"):
        probe(large)


def test_the_cover_of_a_recording_is_no_film(tmp_path):
    sources = ["-f", "lavfi", "-i", "sine=d=0.5", "-f", "lavfi", "-i", "color=red:s=64x64:d=0.04:r=25"]
    how = ["-c:v", "mjpeg", "-disposition:v", "attached_pic", tmp_path / "a.m4a"]
    subprocess.run([ffmpeg(), "-v", "error", *sources, *how], check=True, timeout=PATIENCE)
    with pytest.raises(VideoError, match="it has no picture"):
        probe(tmp_path / "a.m4a")
    assert len(heard(tmp_path / "a.m4a")) > RATE / 3
