"""The path is the cheapest one, and a long recording takes hardly more memory than a short one."""

import tracemalloc

import numpy as np
import pytest

from speech.alignment.path import Search, States, pool, track

WIDTH = 6
FILLER = 0.9


def warped(frames, seed=0):
    """Return a reference of words of ten sounds, a recording of it at a changing pace, and the true path."""
    rng = np.random.default_rng(seed)
    total = frames * 3 // 4
    states = rng.normal(0, 1, (total, WIDTH)).astype(np.float32)
    word = (np.arange(total) // 12).astype(np.int32)
    pause = np.arange(total) % 12 >= 10
    pace = np.repeat(rng.choice([0, 1, 1, 2], frames // 4 + 1), 4)[:frames]
    truth = np.minimum(np.cumsum(pace), total - 1).astype(np.int32)
    truth = truth[: np.argmax(truth == total - 1) + 1] if (truth == total - 1).any() else truth
    loudness = np.where(pause[truth], 0, 1).astype(np.float32)
    heard = states[truth] + rng.normal(0, 0.3, (len(truth), WIDTH)).astype(np.float32)
    last = int(truth[-1]) + 1
    return States(lambda first, end: states[first:end], word[:last], pause[:last]), heard, loudness, truth


def found(states, heard, loudness, reach=200, centre=None, **options):
    search = Search(reach, 1.35, FILLER, **options)
    return track(lambda first, last: heard[first:last], loudness, states, search, centre)


def cost(states, heard, loudness, path):
    """Return the cost of a path, counted step by step."""
    frames, total, filler = states.frames(0, len(states.word)), 0.0, states.filler
    for at, state in enumerate(path):
        if at:
            step, before = state - path[at - 1], path[at - 1]
            assert 0 <= step <= 3
            total += 0.35 * (not states.pause[state]) if not step else 0.4 * sum(~states.pause[before + 1 : state])
            total += 4 * (states.pause[state] and not states.pause[before])
            total += 2 * (filler[before] and not states.pause[state])
        distance = np.sqrt(np.mean((heard[at] - frames[state]) ** 2) * 2)
        quiet = 4 * loudness[at] + 0.6
        total += min(quiet, FILLER) if filler[state] else quiet if states.pause[state] else distance
    return total


def spoken(*words, seed=0):
    """Return a reference of three words, and a recording of these of them, by number; None is another sound."""
    rng = np.random.default_rng(seed)
    states = rng.normal(0, 1, (1 + 3 * 27, WIDTH)).astype(np.float32)
    word = np.append(-1, np.arange(81) // 27).astype(np.int32)
    pause = np.append(True, np.arange(81) % 27 >= 25)
    other = rng.normal(0, 1, (25, WIDTH)).astype(np.float32)
    silence = np.zeros((8, WIDTH), np.float32)
    heard, loudness = [silence], [np.zeros(8)]
    for number in words:
        sound = other if number is None else states[1 + 27 * number :][:25]
        heard += [sound + rng.normal(0, 0.3, sound.shape), silence]
        loudness += [np.ones(len(sound)), np.zeros(8)]
    together = np.concatenate(heard).astype(np.float32), np.concatenate(loudness).astype(np.float32)
    return States(lambda first, end: states[first:end], word, pause), *together


def where(states, path, number):
    """Return the frames at which a word is heard."""
    return np.flatnonzero((states.word[path] == number) & ~states.pause[path]).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_no_path_is_cheaper(seed):
    states, heard, loudness, truth = warped(400, seed)
    path = found(states, heard, loudness)
    assert np.abs(path - truth).mean() < 1
    least = cost(states, heard, loudness, path)
    assert least <= cost(states, heard, loudness, truth) + 1e-2
    rng = np.random.default_rng(seed)
    for _ in range(200):
        other = path.copy()
        first = rng.integers(1, len(path) - 20)
        other[first : first + rng.integers(1, 20)] += rng.choice([-1, 1])
        steps = np.diff(other)
        if steps.min() >= 0 and steps.max() <= 3 and other.max() < len(states.word) and other[0] >= 0:
            assert cost(states, heard, loudness, other) >= least - 1e-2


def test_a_sound_that_the_script_does_not_have_belongs_to_no_word():
    states, heard, loudness = spoken(0, None, 1, 2)
    path = found(states, heard, loudness)
    assert states.pause[path[41:66]].all()
    assert [where(states, path, word)[0] for word in range(3)] == [8, 74, 107]


@pytest.mark.parametrize("again", [(1,), (0, 1)], ids=["a word", "two words"])
def test_words_that_are_said_twice_are_heard_twice(again):
    said = [0, 1, *again, 2]
    states, heard, loudness = spoken(*said)
    path = found(states, heard, loudness)
    for place, word in enumerate(said):
        first = 8 + 33 * place
        assert set(range(first, first + 25)) <= set(where(states, path, word))


def test_words_are_heard_again_only_where_the_search_allows_it():
    """While the voice is unknown, the cheapest path may say two words over and over, and the rest not at all."""
    states, heard, loudness = spoken(*[0, 1] * 12, 2)
    assert (np.diff(found(states, heard, loudness)) < 0).sum() >= 11
    assert (np.diff(found(states, heard, loudness, goes_back=False)) >= 0).all()


def test_a_word_is_not_drawn_out_over_a_hesitation_that_sounds_like_its_end():
    states, heard, loudness = spoken(0, 1, 2)
    hesitation = states.frames(52, 53)
    hum = np.repeat(hesitation, 60, axis=0) + np.random.default_rng(1).normal(0, 0.3, (60, WIDTH))
    heard = np.concatenate([heard[:66], hum, heard[66:]]).astype(np.float32)
    loudness = np.concatenate([loudness[:66], np.ones(60), loudness[66:]]).astype(np.float32)
    assert where(states, found(states, heard, loudness), 1)[-1] >= 120
    path = found(states, heard, loudness, hesitations=hesitation)
    assert where(states, path, 1)[-1] == pytest.approx(65, abs=1)
    assert where(states, path, 2)[0] == 134


def test_what_is_settled_is_what_the_whole_path_would_be():
    states, heard, loudness, truth = warped(20_000)
    whole = found(states, heard, loudness)
    assert np.abs(whole - truth).max() <= 6
    # The beginning by itself is too short for any of it to be settled before its end.
    length = 4_000
    part = States(states.frames, states.word[: whole[length] + 1], states.pause[: whole[length] + 1])
    alone = found(part, heard[:length], loudness[:length])
    np.testing.assert_array_equal(alone[: length - 200], whole[: length - 200])


@pytest.mark.service
def test_a_recording_four_times_as_long_takes_hardly_more_memory():
    def peak(frames):
        states, heard, loudness, _ = warped(frames)
        centre = np.linspace(0, len(states.word) - 1, len(loudness)).astype(np.int32)
        tracemalloc.start()
        found(states, heard, loudness, 400, centre)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    # Besides what is not settled, the path alone is held: four bytes a frame.
    assert peak(80_000) - peak(20_000) < 60_000 * 20


def test_a_pool_averages_each_four_frames_and_what_is_left():
    np.testing.assert_allclose(pool(np.array([0.0, 2, 4, 6, 8, 10], np.float32)), [3, 9])
