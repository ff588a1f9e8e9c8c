"""What containers claim about themselves, from handmade bytes."""

import struct

import pytest

from bot.audio.declared import NOTHING_DECLARED, Declared, declared_by, doc_type, flac, mp3, mp4, ogg, wav, webm

ALL_DEMUXERS = ("aac", "flac", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "mp3", "ogg", "wav")


def a_wav(*, claimed: int, present: int, before: bytes = b"") -> bytes:
    head = b"RIFF" + struct.pack("<I", 36) + b"WAVE" + b"fmt " + struct.pack("<I", 16) + bytes(16)
    return head + before + b"data" + struct.pack("<I", claimed) + bytes(present)


def a_box(name: bytes, size: int) -> bytes:
    return struct.pack(">I", size + 8) + name + bytes(size)


def an_ogg_page(*lacing: int, flags: int = 0) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([len(lacing), *lacing]) + bytes(sum(lacing))


def an_mp3_frame(tag: bytes, *, tag_at: int) -> bytes:
    return (b"\xff\xfb\x90\x00" + bytes(tag_at - 4) + tag).ljust(417, b"\0")  # MPEG-1, 44100 Hz, stereo


def test_a_wav_ends_where_its_data_chunk_ends() -> None:
    whole = a_wav(claimed=100, present=100)

    assert wav(whole) == Declared(size_bytes=len(whole))
    assert wav(whole[:-30]) == Declared(size_bytes=len(whole))


def test_chunks_of_odd_size_before_the_data_are_padded() -> None:
    whole = a_wav(claimed=10, present=10, before=b"LIST" + struct.pack("<I", 3) + b"abc\0")

    assert wav(whole) == Declared(size_bytes=len(whole))


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_a_wav_written_to_a_pipe_claims_nothing(size: int) -> None:
    assert wav(a_wav(claimed=size, present=100)) == NOTHING_DECLARED


def test_a_wav_over_four_gigabytes_gives_its_size_in_ds64() -> None:
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, 0, 5_000_000_000, 0, 0)
    head = b"RF64" + b"\xff" * 4 + b"WAVE" + ds64 + b"data" + b"\xff" * 4

    assert wav(head + bytes(50)) == Declared(size_bytes=len(head) + 5_000_000_000)


def test_a_wav_cut_before_its_data_claims_to_be_longer() -> None:
    cut = a_wav(claimed=10, present=0)[:30]

    assert wav(cut).size_bytes > len(cut)


def test_a_flac_claims_its_samples() -> None:
    packed = 44100 << 44 | 1 << 41 | 15 << 36 | 441000
    head = b"fLaC\0\0\0\x22" + bytes(10) + packed.to_bytes(8, "big") + bytes(16)

    assert flac(head) == Declared(seconds=10.0)
    assert flac(b"ID3\4\0\0\0\0\0\5" + bytes(5) + head) == Declared(seconds=10.0)
    assert flac(head[:20]) == NOTHING_DECLARED


@pytest.mark.parametrize("name", [b"Xing", b"Info"])
def test_an_mp3_claims_its_frames(name: bytes) -> None:
    frame = an_mp3_frame(name + struct.pack(">III", 3, 1000, 417_000), tag_at=36)

    assert mp3(frame) == Declared(seconds=1000 * (1152 / 44100))


def test_an_mp3_without_a_frame_count_claims_its_bytes() -> None:
    tag = b"ID3\3\0\0\0\0\1\0" + bytes(128)
    frame = an_mp3_frame(b"Xing" + struct.pack(">III", 2, 0, 5000), tag_at=36)

    assert mp3(tag + frame) == Declared(size_bytes=len(tag) + 5000)


def test_an_mp3_may_have_the_other_header() -> None:
    vbri = b"VBRI" + bytes(6) + struct.pack(">II", 417_000, 500)

    assert mp3(an_mp3_frame(vbri, tag_at=36)) == Declared(seconds=500 * (1152 / 44100))


def test_an_mp3_without_header_claims_nothing() -> None:
    assert mp3(an_mp3_frame(b"", tag_at=36)) == NOTHING_DECLARED


def test_an_ogg_ends_with_its_last_page() -> None:
    first, last = an_ogg_page(100, flags=2), an_ogg_page(200, 20, flags=4)

    assert ogg(first + last) == Declared(size_bytes=len(first + last))
    assert ogg((first + last)[:-1]) == Declared(size_bytes=len(first + last))


@pytest.mark.parametrize("kept", [4, 10, 26, 27])
def test_a_cut_inside_a_page_header_is_seen(kept: int) -> None:
    cut = an_ogg_page(100) + an_ogg_page(200, 20)[:kept]

    assert ogg(cut).size_bytes > len(cut)


def test_a_packet_that_continues_past_the_last_page_is_missed() -> None:
    page = an_ogg_page(10, 255)

    assert ogg(page).size_bytes > len(page)


def test_a_last_page_without_its_flag_is_not_a_cut() -> None:
    """Android's recorder writes such files."""
    pages = an_ogg_page(10, flags=2) + an_ogg_page(30)

    assert ogg(pages).size_bytes == len(pages)


def test_letters_that_look_like_a_page_are_not_one() -> None:
    page = an_ogg_page(40)[:-40] + b"OggS!".ljust(40, b"x")

    assert ogg(page).size_bytes == len(page)


def test_an_mp4_ends_with_its_last_box() -> None:
    whole = a_box(b"ftyp", 16) + a_box(b"moov", 50) + a_box(b"mdat", 100)

    assert mp4(whole) == Declared(size_bytes=len(whole))
    assert mp4(whole[:-1]) == Declared(size_bytes=len(whole))


def test_an_mp4_cut_before_its_index_claims_to_be_longer() -> None:
    without_index = a_box(b"ftyp", 16) + a_box(b"mdat", 100)

    assert mp4(without_index).size_bytes > len(without_index)


def test_boxes_may_have_long_sizes_or_reach_to_the_end() -> None:
    long_box = struct.pack(">I4sQ", 1, b"mdat", 16 + 50) + bytes(50)
    to_the_end = struct.pack(">I", 0) + b"mdat" + bytes(70)
    index = a_box(b"moov", 5)

    assert mp4(index + long_box).size_bytes == len(index + long_box)
    assert mp4(index + to_the_end).size_bytes == len(index + to_the_end)


def test_bytes_after_the_last_box_are_ignored() -> None:
    whole = a_box(b"ftyp", 16) + a_box(b"moov", 50)

    assert mp4(whole + b"\xff" * 40).size_bytes == len(whole)


def an_ebml(doc: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | (3 + len(doc))]) + b"\x42\x82" + bytes([0x80 | len(doc)]) + doc


def test_a_webm_ends_with_its_segment() -> None:
    whole = an_ebml(b"webm") + b"\x18\x53\x80\x67\x01" + (90).to_bytes(7, "big") + bytes(90)

    assert webm(whole) == Declared(size_bytes=len(whole))
    assert webm(whole[:-50]) == Declared(size_bytes=len(whole))


def test_a_live_webm_ends_with_its_last_block() -> None:
    block = b"\xa3\xbc" + bytes(60)
    live = an_ebml(b"webm") + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x1f\x43\xb6\x75\x01" + b"\xff" * 7
    whole = live + b"\xe7\x81\0" + block + block

    assert webm(whole) == Declared(size_bytes=len(whole))
    assert webm(whole[:-10]) == Declared(size_bytes=len(whole))
    assert webm(whole[:-61]).size_bytes > len(whole) - 61


def test_webm_is_distinguished_from_other_matroska() -> None:
    assert doc_type(an_ebml(b"webm")) == "webm"
    assert doc_type(an_ebml(b"matroska")) == "matroska"
    assert doc_type(b"RIFF" + bytes(60)) == ""


@pytest.mark.parametrize("demuxer", ALL_DEMUXERS)
@pytest.mark.parametrize("data", [b"\0", b"\xff" * 50, b"OggS", b"RIFF", bytes(10_000), b"fLaC", b"ID3" + b"\x7f" * 7])
def test_no_bytes_make_a_claim_fail(demuxer: str, data: bytes) -> None:
    claim = declared_by(data, demuxer)

    assert claim.size_bytes >= 0
    assert claim.seconds >= 0
