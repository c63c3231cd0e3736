"""fronts: the data side as a value, and what it makes of recordings and images."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tinykit.ground.errors import DataError, ParameterError
from tinykit.train import Front

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
            ({"window_s": 0}, "window_s 0 of a front; give a number above 0"),
            ({"rate_hz": float("nan")}, "rate_hz nan"),
            ({"step_s": True}, "step_s True"),
            ({"window_s": "1"}, "window_s '1'"),
            ({"full_scale": float("inf")}, "full_scale inf"),
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


class TestSignals:
    def test_a_plain_front_changes_nothing(self):
        found = Front().apply(MOTION[None], 50.0)
        assert found.shape == (1, 400, 1, 6) == (1, *Front().shape((400, 6), 50.0))
        assert np.array_equal(found[0, :, 0], MOTION)

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
            (Front(window_s=9), MOTION, 50.0, DataError, "400 samples is shorter than a window of 450"),
            (Front(window_s=1e-3), MOTION, 50.0, DataError, "shorter than a window of 1"),
            (Front(channels=(6,)), MOTION, 50.0, DataError, "channel 6 of a front; the recording has 6"),
            (Front(window_s=1), MOTION[None], 50.0, DataError, "windows of 400 samples .* cut 50"),
            (Front(), MOTION[:0], 50.0, DataError, "give finite numbers"),
            (Front(), MOTION * np.nan, 50.0, DataError, "give finite numbers"),
            (Front(), MOTION[None, :, None, None], 50.0, DataError, "give finite numbers"),
            (Front(), MOTION[None, :, :, None], 50.0, DataError, r"give \[n, samples, channels\]"),
            (Front(), MOTION, 0.0, ParameterError, "rate_hz 0.0 of a recording"),
            (Front(side=4), MOTION, 50.0, ParameterError, "a signal has none"),
        ],
    )
    def test_it_refuses(self, front, data, rate, error, said):
        with pytest.raises(error, match=said):
            front.apply(data, rate)


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
