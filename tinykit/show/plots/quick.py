"""Pictures for panels: a figure as PNG in a fraction of the time, by remembering how each piece of text looks.

Nearly all of the time of a redraw goes into text: every label is shaped, hinted and rasterised again at its own
fraction of a pixel. Between two moves of a slider most words stay the same, so that here a word is rasterised once,
placed on whole pixels, and remembered. That stands on parts of matplotlib that may change with any version: under one
that was not tried, a figure goes the public way, at three times the time.
"""

import io
import math
import struct
import threading
import zlib
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray

from tinykit.show.plots.quick_axes import is_known
from tinykit.show.plots.style import DPI, styled

_REMEMBERED = 2048
"""Texts kept: some 400 bytes each as a bitmap of one byte a pixel."""
_turn = threading.Lock()

_MARGIN = 4
Bitmap = tuple[NDArray[np.uint8], int, int]
Size = tuple[float, float, float]


class QuickRenderer(RendererAgg):
    """Agg, with text on whole pixels from bitmaps it remembers, whichever figure they were drawn for."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)
        self._bitmaps: dict[tuple[Any, ...], Bitmap] = {}
        self._sizes: dict[tuple[Any, ...], Size] = {}

    def draw_text(self, gc: Any, x: float, y: float, s: str, *words: Any, **named: Any) -> None:
        """Put a text at its baseline (x, y) [pixel], each word on whole pixels; `words` are font, angle, formula."""
        prop, angle = words[:2]
        if named.get("ismath", words[2] if len(words) > 2 else False):
            super().draw_text(gc, x, y, s, *words, **named)
            return
        words_of_it = [(s, 0.0)] if angle else self._split(s, prop)
        for word, along in words_of_it:
            key = (word, hash(prop), angle, gc.get_antialiased())
            if key not in self._bitmaps:
                _make_room(self._bitmaps)
                self._bitmaps[key] = self._rasterise(gc, word, prop, angle)
            image, left, below = self._bitmaps[key]
            if image.size:
                self._renderer.draw_text_image(image, round(x + along) + left, round(y) + below, 0, gc)

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> Size:
        """Size of a text [pixel], of words measured once."""
        if ismath or " " not in s:
            return self._measure(s, prop, ismath)
        places = self._split(s, prop)
        sizes = [self._measure(word, prop, False) for word, _ in places]
        descent = max(size[2] for size in sizes)
        return places[-1][1] + sizes[-1][0], max(size[1] - size[2] for size in sizes) + descent, descent

    def _measure(self, text: str, prop: FontProperties, ismath: Any) -> Size:
        key = (text, hash(prop), ismath)
        if key not in self._sizes:
            _make_room(self._sizes)
            self._sizes[key] = super().get_text_width_height_descent(text, prop, ismath)
        return self._sizes[key]

    def _split(self, text: str, prop: FontProperties) -> list[tuple[str, float]]:
        """The words of a text and where each starts [pixel]; what changes between two moves is mostly one of them."""
        if " " not in text:
            return [(text, 0.0)]
        gap = self._measure("n n", prop, False)[0] - 2 * self._measure("n", prop, False)[0]
        places, along = [], 0.0
        for word in text.split(" "):
            if word:
                places.append((word, along))
                along += self._measure(word, prop, False)[0]
            along += gap
        return places or [(text, 0.0)]

    def _rasterise(self, gc: Any, text: str, prop: FontProperties, angle: float) -> Bitmap:
        """Coverage of a text as Agg itself draws it, and where it lies about its baseline's start [pixel]."""
        width, height, descent = self._measure(text, prop, False)
        reach = math.ceil(width + height) + _MARGIN
        size = (2 * reach, 2 * reach) if angle else (math.ceil(width) + 2 * _MARGIN, math.ceil(height) + 2 * _MARGIN)
        start = (reach, reach) if angle else (_MARGIN, math.ceil(height - descent) + _MARGIN)
        scratch = RendererAgg(*size, self.dpi)
        context = scratch.new_gc()
        context.set_antialiased(gc.get_antialiased())
        scratch.draw_text(context, *start, text, prop, angle)
        coverage = np.asarray(scratch.buffer_rgba())[:, :, 3]
        rows, columns = np.flatnonzero(coverage.any(axis=1)), np.flatnonzero(coverage.any(axis=0))
        if not rows.size:
            return np.empty((0, 0), np.uint8), 0, 0
        image = coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
        return image, int(columns[0]) - start[0], int(rows[-1]) + 1 - start[1]


class QuickCanvas(FigureCanvasAgg):
    """A canvas whose renderer outlives it, and with it the texts it remembers."""

    def get_renderer(self) -> RendererAgg:
        """The renderer of this size and resolution."""
        width, height = self.get_width_height(physical=True)
        renderer = _renderer_of(width, height, self.figure.dpi)
        self.renderer = renderer
        return renderer


@styled
def to_png_quickly(figure: Figure, dpi: int = DPI) -> bytes:
    """A figure as PNG bytes, the same for the same content; text may differ from `to_png` by parts of a pixel."""
    if not is_known():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"compress_level": 1})
        return buffer.getvalue()
    with _turn:
        figure.set_dpi(dpi)
        canvas = QuickCanvas(figure)
        canvas.draw()
        return encode_png(np.asarray(canvas.buffer_rgba()))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Opaque pixels [height, width, 3 or 4] as a PNG of 8-bit colours, packed loosely: speed before size."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    for channel in range(3):  # a plane at a time: six times as quick as a reshaped copy
        rows[:, 1 + channel :: 3] = pixels[:, :, channel]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@lru_cache(maxsize=16)
def _renderer_of(width: int, height: int, dpi: float) -> QuickRenderer:
    return QuickRenderer(width, height, dpi)


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= _REMEMBERED:
        kept.clear()
