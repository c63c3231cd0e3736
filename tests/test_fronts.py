"""fronts: the data side as a value, and what it makes of recordings and images."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys

import numpy as np
import pytest

from tinykit.ground.errors import DataError, ParameterError
from tinykit.train import Front, load_tensorflow

MOTION = np.random.default_rng(0).normal(0, 9.8, (400, 6)).astype(np.float32)


class TestValue:
    def test_json_there_and_back(self):
        front = Front(1, 0.25, rate_hz=50, channels=(2, 0), features="mfcc", frame_s=0.1, bands=8, coefficients=4)
        assert Front.from_json(front.to_json()) == front
        assert Front.from_json({}) == Front()
        assert Front.from_json({"channels": [1], "window_s": 2}) == Front(window_s=2.0, channels=(1,))

    def test_its_hash_is_that_of_every_process_and_of_equal_values(self):
        code = "from tinykit.train import Front; print(Front(2, rate_hz=50).sha256)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == Front(2.0, rate_hz=50.0).sha256 != Front(2.0).sha256

    def test_it_says_itself(self):
        assert str(Front()) == "as recorded"
        assert (
            str(Front(1, rate_hz=8000, features="mfcc")) == "1 s windows, at 8000 Hz, mfcc of 40 bands, 10 coefficients"
        )
        assert str(Front(side=24, grey=True)) == "24 × 24 pixels, grey"
        assert str(Front(channels=(1, 0))) == "channels 1, 0"

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"features": "wavelet"}, "features 'wavelet' of a front; allowed: fft"),
            ({"window_s": 0}, "window_s 0 of a front; give a number from 1e-09"),
            ({"rate_hz": float("nan")}, "rate_hz nan"),
            ({"step_s": True}, "step_s True"),
            ({"window_s": 1e308}, "window_s 1e[+]308 of a front"),
            ({"rate_hz": 1e-300}, "rate_hz 1e-300 of a front"),
            ({"window_s": "1"}, "window_s '1'"),
            ({"full_scale": float("inf")}, "full_scale inf"),
            ({"full_scale": None}, "full_scale None"),
            ({"bands": 0}, "bands 0 of a front; give a whole number from 1 to 2048"),
            ({"side": 2.5}, "side 2.5"),
            ({"grey": 1}, "grey 1 of a front; give True or False"),
            ({"channels": [0]}, r"channels \[0\] of a front; give a tuple"),
            ({"channels": (0, 0)}, "different whole numbers"),
            ({"channels": ()}, "different whole numbers"),
            ({"side": 8, "window_s": 1}, "of signals"),
            ({"frame_s": 0.1}, "frame_s 0.1 of a front without features"),
            ({"features": "mfcc", "bands": 8, "coefficients": 9}, "coefficients 9 of 8 bands"),
        ],
    )
    def test_it_refuses(self, values, said):
        with pytest.raises(ParameterError, match=said):
            Front(**values)

    @pytest.mark.parametrize(
        ("values", "said"), [([1], "a front is a mapping"), ({"widnow_s": 1}, "nearest: window_s")]
    )
    def test_json_of_strangers(self, values, said):
        with pytest.raises(ParameterError, match=said):
            Front.from_json(values)

    def test_json_of_any_kind_is_a_front_or_refused(self):
        """Of a front that is one: JSON there and back, and a shape for odd recordings or one clear error."""
        draw = random.Random(0)
        values = [
            None,
            0,
            1,
            -1,
            2.5,
            "x",
            "fft",
            "mfcc",
            [],
            [0],
            [1, 0],
            {"a": 1},
            True,
            1e308,
            1e-300,
            0.03,
            40,
            [None],
        ]
        fronts = 0
        for _ in range(4000):
            told = {name: draw.choice(values) for name in draw.sample(list(Front().to_json()), draw.randint(0, 4))}
            try:
                front = Front.from_json(told)
            except ParameterError:
                continue
            assert Front.from_json(json.loads(json.dumps(front.to_json()))) == front
            fronts += 1
            for shape, rate in (((400, 3), 16000.0), ((400, 3), 1e9), ((30, 30, 3), None), ((5,), 50), ((400, 0), 50)):
                with contextlib.suppress(ParameterError, DataError):
                    assert min(front.shape(shape, rate)) >= 1
        assert fronts > 500


class TestSignals:
    def test_a_plain_front_changes_nothing(self):
        found = Front().apply(MOTION[None], 50.0)
        assert found.shape == (1, 400, 1, 6) == (1, *Front().shape((400, 6), 50.0))
        assert np.array_equal(found[0, :, 0], MOTION)

    @pytest.mark.parametrize("shape", [(), (5,), (400, 0), (400, 2, 3), (1, 2, 1, 3)])
    def test_shapes_that_are_no_signal(self, shape):
        with pytest.raises(
            DataError, match="a signal of shape .*; give .samples, channels., or an image without rate_hz"
        ):
            Front().shape(shape, 50.0)

    def test_windows_and_channels_of_a_recording(self):
        found = Front(window_s=2.0, channels=(4, 1)).apply(MOTION, 50.0)
        assert found.shape == (7, 100, 1, 2)
        assert np.array_equal(found[3, :, 0], MOTION[150:250, [4, 1]])
        assert len(Front(window_s=2.0, step_s=2.0).apply(MOTION, 50.0)) == 4

    @pytest.mark.parametrize(
        ("front", "data", "rate", "error", "said"),
        [
            (Front(rate_hz=20), MOTION, 50.0, ParameterError, "rate_hz 20 of a front .* 50 Hz .* nearest: .*25"),
            (Front(rate_hz=100), MOTION, 50.0, ParameterError, "rate_hz 100"),
            (
                Front(window_s=9),
                MOTION,
                50.0,
                DataError,
                "a window of 450 samples at 50 Hz in a recording of 400; allowed: 1 to 400",
            ),
            (Front(window_s=1e-3), MOTION, 50.0, DataError, "a window of 0 samples at 50 Hz"),
            (Front(channels=(6,)), MOTION, 50.0, DataError, "channel 6 of a front; the recording has 6"),
            (Front(window_s=1), MOTION[None], 50.0, DataError, "windows of 400 samples .* cut 50"),
            (Front(), MOTION[:0], 50.0, DataError, "give finite numbers"),
            (Front(), MOTION * np.nan, 50.0, DataError, "give finite numbers"),
            (Front(), MOTION[None, :, None, None], 50.0, DataError, "give finite numbers"),
            (Front(), MOTION[None, :, :, None], 50.0, DataError, "an image without rate_hz"),
            (Front(), MOTION, 0.0, ParameterError, "rate_hz 0.0 of a recording"),
            (Front(), MOTION, float("inf"), ParameterError, "rate_hz inf of a recording"),
            (Front(side=4), MOTION, 50.0, ParameterError, "a signal has none"),
        ],
    )
    def test_it_refuses(self, front, data, rate, error, said):
        with pytest.raises(error, match=said):
            front.apply(data, rate)


def spectra(x, frame, points):
    """|X|² [n, frames, bins] in double precision, half a frame apart."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    frames = np.lib.stride_tricks.sliding_window_view(x.astype(float), frame, axis=1)[:, :: frame // 2]
    return np.abs(np.fft.rfft(frames * window, points))[..., : points // 2] ** 2


def recordings(length=1600):
    time = np.arange(length)
    noise = [np.random.default_rng(seed).normal(0, loud, length) for seed, loud in enumerate((10, 300, 8000))]
    sines = [loud * np.sin(step * time) for loud, step in ((32767, 0.1), (300, 1.2345))]
    sweep = 20000 * np.sin(np.pi * time**2 / (2 * length))
    return np.clip(np.rint(np.stack([*noise, *sines, sweep, np.full(length, 5000.0)])), -32768, 32767).astype(np.int16)


class TestFeatures:
    X = recordings()

    @pytest.mark.parametrize("frame", [64, 250, 480, 1600])
    def test_every_bin_against_double_precision(self, frame):
        """60 dB over the error of all bins; 0.05 octaves of power where a bin is less than 40 dB below the largest."""
        points = 1 << (frame - 1).bit_length()
        front = Front(features="fft", bands=points // 2, frame_s=frame / 16000)
        found = front.apply(self.X[:, :, None], 16000)[..., 0]
        wanted = spectra(self.X, frame, points)
        error = np.mean((2 ** (found / 2) - np.sqrt(wanted)) ** 2, axis=(1, 2))
        assert (10 * np.log10(np.mean(wanted, axis=(1, 2)) / error)).min() > 60
        loud = wanted > wanted.max(axis=(1, 2), keepdims=True) * 1e-4
        assert np.abs(found - np.log2(np.maximum(wanted, 1)))[loud].max() < 0.05

    def test_bands_of_a_spectrum_are_sums_of_their_bins(self):
        found = Front(features="fft", bands=20, frame_s=0.02).apply(self.X[:, :, None], 16000)[..., 0]
        edges = np.arange(21) * 256 // 20
        wanted = np.add.reduceat(spectra(self.X, 320, 512), edges[:-1], axis=-1)
        loud = wanted > wanted.max(axis=(1, 2), keepdims=True) * 1e-4
        assert np.abs(found - np.log2(np.maximum(wanted, 1)))[loud].max() < 0.02

    def test_mel_and_mfcc_are_tensorflows(self):
        """Its matrix of mel weights and its cosine transform, by HTK's formulas, after its own STFT."""
        tf, noise = load_tensorflow(), self.X[:3]
        hann = lambda count, dtype: tf.signal.hann_window(count, periodic=True, dtype=dtype)  # noqa: E731
        parts = tf.signal.stft(noise.astype(np.float32), 480, 320, fft_length=512, window_fn=hann).numpy()
        energies = np.abs(parts) ** 2 @ tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20.0, 8000.0).numpy()
        front = Front(features="log-mel", hop_s=0.02)
        found = front.apply(noise[:, :, None], 16000)[..., 0]
        assert found.shape == (3, 4, 40) == (3, *front.shape((1600, 1), 16000)[:2])
        assert np.abs(found - np.log2(energies)).max() < 0.01
        wanted = tf.signal.mfccs_from_log_mel_spectrograms(np.log(energies)).numpy()[..., :13] / np.log(2)
        found = Front(features="mfcc", hop_s=0.02, coefficients=13).apply(noise[:, :, None], 16000)[..., 0]
        assert np.abs(found - wanted).max() < 2 / 32

    def test_arms_own_transform_of_16_bits_says_the_same(self):
        """`arm_rfft_q15` has 512 points divided by 512: within its last bits, where ours has more."""
        dsp = pytest.importorskip("cmsisdsp", reason="cmsisdsp is not installed")
        state = dsp.arm_rfft_instance_q15()
        dsp.arm_rfft_init_q15(state, 512, 0, 1)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
        frame = self.X[5, :512]
        raw = np.asarray(dsp.arm_rfft_q15(state, np.rint(frame * window).astype(np.int16)))[:512].reshape(-1, 2)
        theirs = np.hypot(*raw.astype(float).T)
        ours = 2 ** (Front(features="fft", bands=256).apply(frame[None, :, None], 16000).ravel() / 2) / 512
        assert theirs.max() > 500
        assert np.abs(ours - theirs).max() < 8

    def test_a_band_lies_where_its_tone_does(self):
        """The first cosine falls from low bands to high ones."""
        notes = np.stack([16000 * np.sin(2 * np.pi * hz * np.arange(512) / 16000) for hz in (200, 1000, 6000)])
        front = Front(features="mfcc", frame_s=0.032, bands=20, coefficients=13)
        low, middle, high = front.apply(notes.astype(np.int16)[:, :, None], 16000)[:, 0, 1, 0]
        assert low > middle > high

    def test_windows_are_computed_as_one_by_one(self):
        """Rows are gathered by the hundred, whichever window and channel they are of."""
        x = np.random.default_rng(5).integers(-3000, 3000, (40, 200, 3)).astype(np.int16)
        front = Front(features="mfcc", frame_s=0.1, hop_s=0.01, bands=12, coefficients=7, channels=(2, 0))
        found = front.apply(x, 200)
        assert found.shape == (40, *front.shape((200, 3), 200)) == (40, 91, 7, 2)
        single = np.concatenate([front.apply(one[None], 200) for one in x])
        assert np.array_equal(found, single)
        assert np.array_equal(found[..., 1:], Front.from_json({**front.to_json(), "channels": [0]}).apply(x, 200))

    def test_silence_reads_zero_and_twice_as_loud_two_octaves_more(self):
        front = Front(features="log-mel", frame_s=0.1, bands=10)
        assert not front.apply(np.zeros((1, 800, 1), np.int16), 8000).any()
        quiet, loud = (front.apply((level * self.X[1:2, :800, None]).astype(np.int16), 8000) for level in (4, 8))
        assert np.abs(loud - quiet - 2).max() < 0.01

    def test_recordings_in_their_unit_are_those_of_the_device(self):
        whole = self.X[:, :, None]
        wanted = Front(features="mfcc").apply(whole, 16000)
        assert np.array_equal(Front(features="mfcc").apply((whole / 32768).astype(np.float32), 16000), wanted)
        assert np.array_equal(Front(features="mfcc", full_scale=4.0).apply(whole / 8192, 16000), wanted)
        assert np.array_equal(Front(full_scale=4.0).apply(whole, 16000)[:, :, 0], (whole / 8192).astype(np.float32))

    @pytest.mark.parametrize(
        ("front", "shape", "rate", "said"),
        [
            (Front(features="mfcc"), (400, 1), 16000, "frames of 480 samples every 240 in a window of 400 at 16000 Hz"),
            (Front(features="fft", frame_s=0.001), (400, 1), 1000, "allowed: 4 to 400"),
            (Front(features="fft"), (5000, 1), 1000, "allowed: 4 to 4096"),
            (Front(features="fft", hop_s=1e-9), (400, 1), 1000, "every 0 in a window"),
            (
                Front(features="fft"),
                (60, 1),
                50,
                "40 bands of 32 bins: band 0 holds none; give fewer bands or a longer",
            ),
            (Front(features="log-mel", bands=200), (1600, 1), 16000, "200 bands of 256 bins: band [0-9]+ holds none"),
            (Front(features="log-mel", frame_s=1), (60, 1), 40, "mel bands begin at 20 Hz, half the rate is 20"),
            (Front(features="mfcc", bands=200), (16000, 1), 16000, "an MFCC of 200 bands; 128 at most"),
            (Front(rate_hz=10), (40000, 1), 10000, "one sample of 1000 recorded ones"),
        ],
    )
    def test_it_refuses(self, front, shape, rate, said):
        with pytest.raises(ParameterError, match=said):
            front.shape(shape, rate)

    def test_more_values_than_memory_is_for(self):
        front = Front(features="fft", bands=2048, frame_s=4.096, hop_s=0.001)
        x = np.broadcast_to(np.zeros((1, 1, 1), np.int16), (100, 20000, 1))
        with pytest.raises(
            DataError, match="100 windows of fft of 2048 bands hold 3,2[0-9,]* values; take a longer hop_s"
        ):
            front.apply(x, 1000)

    def test_a_recording_whose_windows_memory_does_not_hold(self):
        x = np.broadcast_to(np.zeros(1, np.int16), (2_000_000, 1))
        with pytest.raises(DataError, match="499001 windows of .* hold 1,996,004,000 values; take a longer"):
            Front(1.0, 0.001, features="fft", bands=1).apply(x, 4000)

    @pytest.mark.parametrize("x", [np.full((1, 1600, 1), 9.8), np.full((1, 1600, 1), 40000, np.int32)])
    def test_values_beyond_full_scale(self, x):
        with pytest.raises(DataError, match="lie beyond full scale; give full_scale"):
            Front(features="mfcc").apply(x, 16000)


class TestDecimation:
    @pytest.mark.parametrize("factor", [2, 3, 4, 7, 16, 100, 256])
    def test_what_would_fold_back_is_gone_and_the_rest_stays(self, factor):
        count, rate = 64 * factor, 1000.0 * factor
        time = np.arange(count)
        front = Front(rate_hz=1000.0)
        for part, low, high in (
            (0.1, 0.98, 1.02),
            (0.3, 0.93, 1.03),
            (0.4, 0.45, 0.55),
            (0.52, 0, 0.006),
            (0.9, 0, 0.006),
        ):
            x = (20000 * np.sin(2 * np.pi * part / factor * time)).astype(np.int16)
            found = front.apply(x[None, :, None], rate).ravel()[10:-10] * 32768 / 20000
            assert low <= np.sqrt(2 * np.mean(found**2)) <= high, part

    @pytest.mark.parametrize("factor", [1, 2, 5, 256])
    def test_steady_values_stay_to_the_last_bit_and_sums_fit_32_bits(self, factor):
        bound = Front(rate_hz=1.0).bind((factor * 4, 1), factor)
        for level in (-32768, -1, 32767):
            x = np.full((1, factor * 4, 1), level, np.int16)
            assert np.array_equal(Front(rate_hz=1.0).apply(x, factor), np.full((1, 4, 1, 1), level / 32768, np.float32))
        assert bound.taps().sum() == 32768
        assert np.abs(bound.taps()).sum() < 65535

    def test_real_numbers_keep_their_fractions(self):
        found = Front(rate_hz=25.0).apply(MOTION, 50.0)
        held = np.pad(MOTION.astype(float), ((16, 16), (0, 0)), mode="edge")
        taps = Front(rate_hz=25.0).bind((400, 6), 50.0).taps() / 32768
        wanted = np.stack([taps @ held[at : at + 33] for at in range(0, 400, 2)])
        assert found[0, :, 0] == pytest.approx(wanted, rel=1e-5, abs=1e-5)

    def test_a_rest_that_makes_no_sample_counts_for_nothing(self):
        x = np.random.default_rng(1).integers(-9, 9, (1, 101, 1)).astype(np.int16)
        front = Front(rate_hz=25.0)
        assert np.array_equal(front.apply(x, 50.0), front.apply(x[:, :100], 50.0))


class TestImages:
    IMAGES = np.random.default_rng(1).integers(0, 256, (5, 30, 20, 3), dtype=np.uint8)

    def test_area_averages_of_whole_boxes_are_means(self):
        found = Front(side=10).apply(self.IMAGES)
        boxes = self.IMAGES.reshape(5, 10, 3, 10, 2, 3).astype(float).mean((2, 4))
        assert np.array_equal(found, np.floor(boxes + 0.5))

    def test_parts_of_pixels_count_by_their_area(self):
        """Each pixel of a side of 7 repeated until boxes are whole: the same means."""
        large = self.IMAGES.repeat(7, 1).repeat(7, 2).astype(float)
        boxes = large.reshape(5, 7, 30, 7, 20, 3).mean((2, 4))
        assert Front(side=7).apply(self.IMAGES.astype(float)) == pytest.approx(boxes, rel=1e-6)

    def test_grey_is_luma(self):
        found = Front(grey=True).apply(self.IMAGES)
        assert found.shape == (5, 30, 20, 1) == (5, *Front(grey=True).shape((30, 20, 3)))
        assert np.abs(found[..., 0] - self.IMAGES @ [0.299, 0.587, 0.114]).max() < 1.2
        assert np.array_equal(Front(grey=True).apply(self.IMAGES[..., :1])[..., 0], self.IMAGES[..., 0])

    @pytest.mark.parametrize(
        ("front", "data", "error", "said"),
        [
            (Front(side=21), IMAGES, ParameterError, "images of 30 × 20 allow 20"),
            (Front(grey=True), IMAGES[..., :2], DataError, "grey from 1 or 3 channels"),
            (Front(), IMAGES[0], DataError, r"give \(height, width, channels\)"),
            (Front(window_s=1), IMAGES, ParameterError, "a front of signals"),
        ],
    )
    def test_it_refuses(self, front, data, error, said):
        with pytest.raises(error, match=said):
            front.apply(data)
