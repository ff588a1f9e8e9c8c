"""Frames of any kind as frames of one kind. Runs in the audio process."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av.filter
from av.audio.frame import AudioFrame

Filter = tuple[str, str]
"""The name of one of FFmpeg's audio filters, and its arguments."""


def to_kind(sample_format: str, layout: str, rate: int) -> Filter:
    """A filter that converts to `sample_format` (`s16`, `fltp`, ...), `layout` (`mono`, `stereo`) and `rate` (Hz)."""
    return "aformat", f"sample_fmts={sample_format}:channel_layouts={layout}:sample_rates={rate}"


def through(frames: Iterable[AudioFrame], *filters: Filter) -> Iterator[AudioFrame]:
    """The frames after `filters`, one behind the other. If the frames change their kind, the filters begin again.

    Times count the samples from the first frame on: gaps in a source's clock are not filled.
    """
    kind, graph, samples = None, None, 0
    for frame in frames:
        now = frame.format.name, frame.layout.name, frame.sample_rate
        if graph is None or kind != now:
            if graph is not None:
                yield from _rest(graph)
            kind, graph = now, _graph(frame, filters)
            samples = 0
        frame.pts, frame.time_base = samples, Fraction(1, frame.sample_rate)
        samples += frame.samples
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        yield from _rest(graph)


def packed(frame: AudioFrame) -> bytes:
    """The samples of an interleaved 16-bit frame, without its padding."""
    return bytes(frame.planes[0])[: 2 * frame.layout.nb_channels * frame.samples]


def _graph(frame: AudioFrame, filters: Iterable[Filter]) -> av.filter.Graph:
    graph = av.filter.Graph()
    last = graph.add_abuffer(
        sample_rate=frame.sample_rate,
        format=frame.format.name,
        layout=frame.layout.name,
        time_base=Fraction(1, frame.sample_rate),
    )
    for name, arguments in filters:
        following = graph.add(name, arguments)
        last.link_to(following)
        last = following
    last.link_to(graph.add("abuffersink"))
    graph.configure()
    return graph


def _ready(graph: av.filter.Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame


def _rest(graph: av.filter.Graph) -> Iterator[AudioFrame]:
    graph.push(None)
    yield from _ready(graph)
