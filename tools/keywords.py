"""Speech of the keyword task: words spoken by synthetic voices at many speeds, in noise, as features of whole numbers.

`python -m tools.keywords [FILE]` makes `data/datasets/keyword.npz` again, by Debian's espeak-ng 1.51 and flite 2.2. The
same programs, seed and code give the same file. Only features are kept, no sound.
"""

from __future__ import annotations

import io
import subprocess
import sys
import wave
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from tinykit.train.datasets.shipped import KEYWORD_FRONT, KEYWORD_HZ, KEYWORD_STEP, KEYWORDS

FILE = Path(__file__).resolve().parents[1] / "data" / "datasets" / "keyword.npz"
SECONDS = 1.0
WORDS = KEYWORDS[:-2]
UNKNOWN = (
    "yes", "no", "left", "right", "one", "two", "three", "four", "five", "six", "house", "happy", "water", "music",
    "light", "doctor", "window", "seven", "marvin", "sheila", "yellow", "garden", "open", "close",
)  # fmt: skip
"""Words of no keyword in every split; those of UNHEARD are spoken in the test alone."""
UNHEARD = ("bird", "tree", "eight", "wow", "learn", "visual", "forward", "nine", "table", "orange", "before", "snow")
ACCENTS = ("en", "en-us", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
VOICES = {
    "train": (
        "f1 f2 f4 m1 m2 m3 m5 m7 m8 Alex Alicia Andrea Annie Denis Gene Henrique Hugo Jacky Lee Marco Michael Mike "
        "Nguyen RicishayMax Storm adam anika antonio belinda benjamin boris ed edward grandma gustave iven john linda "
        "marcelo max michel norbert paul pedro rob shelby steph travis klatt klatt2 klatt4 flite:kal16 flite:awb"
    ).split(),
    "validation": "f3 m4 Mario Diogo aunty miguel victor klatt3".split(),
    "test": (
        "f5 m6 Andy Mr_serious Tweaky anikaRobot caleb david edward2 grandpa iven3 kaukovalta klatt5 pablo quincy "
        "robert sandro steph2 zac flite:rms flite:slt"
    ).split(),
}
"""Variants of espeak-ng's voice, and recorded voices of flite; each is one group."""
EACH = {**dict.fromkeys(WORDS, 8), "unknown": 16, "noise": 8}
"""Clips of each voice."""


@dataclass(frozen=True, slots=True)
class Clips:
    """What was made, in order: features, class, voice."""

    x: list[NDArray[np.int16]] = field(default_factory=list)
    y: list[int] = field(default_factory=list)
    voice: list[int] = field(default_factory=list)


@lru_cache(maxsize=4096)
def speak(voice: str, word: str, accent: str, speed: int, pitch: int) -> NDArray[Any]:
    """One word at 16 kHz, silence around it cut away, 1 at its peak."""
    engine, _, name = voice.rpartition(":")
    if engine:
        command = ["flite", "-voice", name, "--setf", f"duration_stretch={170 / speed:.2f}", "-t", word, "-o"]
        made = subprocess.run([*command, "/dev/stdout"], capture_output=True, check=True).stdout
    else:
        spoken = f"{accent}+{name.replace('_', ' ')}"
        command = ["espeak-ng", "-v", spoken, "-s", str(speed), "-p", str(pitch), "--stdout", word]
        made = subprocess.run(command, capture_output=True, check=True).stdout
    rate, samples = read_wave(made)
    sound = resample_poly(samples, KEYWORD_HZ, rate)
    loud = np.flatnonzero(np.abs(sound) > 0.02 * np.abs(sound).max())
    cut = sound[loud[0] : loud[-1] + 1]
    return cut / np.abs(cut).max()


def read_wave(content: bytes) -> tuple[int, NDArray[Any]]:
    """Rate and samples of a stream whose header may not know its own length."""
    with wave.open(io.BytesIO(content)) as file:
        rate = file.getframerate()
    data = content[content.index(b"data") + 8 :]
    return rate, np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(float)


def make_noise(rng: np.random.Generator, length: int) -> NDArray[Any]:
    """A second of noise: white to brown (its power falls by f to the 0th to 2nd), hum of the mains, or clicks."""
    shaped = np.fft.rfft(rng.standard_normal(length))
    bins = np.maximum(np.arange(len(shaped)), 20)
    noise = np.fft.irfft(shaped / bins ** (rng.uniform(0, 2) / 2), length)
    noise /= noise.std()
    time = np.arange(length) / KEYWORD_HZ
    if rng.random() < 0.3:
        tones = [np.sin(2 * np.pi * rng.uniform(49, 61) * k * time + rng.uniform(0, 6)) / k for k in range(1, 8)]
        noise += rng.uniform(0.5, 2) * np.sum(tones, axis=0)
    if rng.random() < 0.2:
        noise[rng.integers(0, length, rng.integers(1, 6))] += rng.uniform(5, 30)
    return noise / noise.std()


def babble(rng: np.random.Generator, voices: list[str], length: int) -> NDArray[Any]:
    """Three to five voices of the same split saying words of no keyword at once."""
    mixed = np.zeros(length)
    for _ in range(rng.integers(3, 6)):
        word = speak(voices[rng.integers(len(voices))], UNKNOWN[rng.integers(len(UNKNOWN))], "en", 160, 50)
        start = rng.integers(-len(word) // 2, length - len(word) // 2)
        place = np.arange(len(word)) + start
        inside = (place >= 0) & (place < length)
        mixed[place[inside]] += word[inside]
    return mixed / max(mixed.std(), 1e-6)


def place_word(rng: np.random.Generator, word: NDArray[Any], length: int) -> NDArray[Any]:
    """The word somewhere in the second, its middle inside, in a room that answers for 20 to 200 ms."""
    word = word[:length]
    sound = np.zeros(length + KEYWORD_HZ)
    start = rng.integers(0, length - len(word) + 1)
    sound[start : start + len(word)] = word
    if rng.random() < 0.5:
        later = np.arange(KEYWORD_HZ // 5)
        tail = rng.standard_normal(len(later)) * np.exp(-later / (rng.uniform(0.02, 0.2) * 3000))
        sound = sound + rng.uniform(0.02, 0.15) * np.convolve(sound, tail)[: len(sound)]
    return sound[:length]


def record(rng: np.random.Generator, voice: str, said: str, voices: list[str]) -> NDArray[np.int16]:
    """A second of 16-bit sound."""
    length = int(SECONDS * KEYWORD_HZ)
    noise = babble(rng, voices, length) if rng.random() < 0.25 else make_noise(rng, length)
    sound = noise * 10 ** rng.uniform(-2.5, -1)
    if said:
        accent, speed, pitch = ACCENTS[rng.integers(len(ACCENTS))], int(rng.integers(12, 22)), int(rng.integers(2, 9))
        word = place_word(rng, speak(voice, said, accent, 10 * speed, 10 * pitch), length)
        level = np.sqrt(np.mean(word[np.abs(word) > 0.02] ** 2))
        sound = word + noise * level * 10 ** (-rng.uniform(5, 35) / 20)
    gain = 10 ** (-rng.uniform(2, 30) / 20)
    return np.rint(32767 * gain * sound / np.abs(sound).max()).astype(np.int16)


def speak_all(clips: Clips, part: str, number: int, voice: str) -> None:
    """Every clip of one voice."""
    rng = np.random.default_rng([number, *voice.encode()])
    others = (*UNKNOWN, *UNHEARD, *UNHEARD) if part == "test" else UNKNOWN
    for name, count in EACH.items():
        for _ in range(count):
            said = {"unknown": others[rng.integers(len(others))], "noise": ""}.get(name, name)
            sound = record(rng, voice, said, [one for one in VOICES[part] if ":" not in one])
            features = KEYWORD_FRONT.apply(sound[None, :, None], float(KEYWORD_HZ))[0]
            clips.x.append(np.rint(features / KEYWORD_STEP).astype(np.int16))
            clips.y.append(KEYWORDS.index(name))
            clips.voice.append(number)


def make(file: Path = FILE) -> None:
    """Write the clips of every split, and which voices speak in which."""
    clips, split, number = Clips(), [], 0
    for part, voices in VOICES.items():
        for voice in voices:
            speak_all(clips, part, number, voice)
            split += [list(VOICES).index(part)] * sum(EACH.values())
            number += 1
        print(part, len(clips.y))
    arrays = {"x": np.stack(clips.x), "y": np.array(clips.y, np.uint8), "voice": np.array(clips.voice, np.uint8)}
    np.savez_compressed(file, **arrays, split=np.array(split, np.uint8))
    print(f"{file}: {len(split)} clips, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(make(*map(Path, sys.argv[1:])))
