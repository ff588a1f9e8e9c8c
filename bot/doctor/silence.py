"""A second of silence, for the checks that need a piece of audio."""

import wave
from pathlib import Path

RATE = 8000
SECONDS = 1


def write_silence(to: Path) -> None:
    with wave.open(str(to), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * RATE * SECONDS))
