"""The streaming reader of multipart/related, against Python's own e-mail parser, and at each of its limits."""

import email
import itertools
from email import policy

import numpy as np
import pytest

from hounsfield.errors import BadRequest
from hounsfield.service.dicomweb.multipart import (
    Limits,
    MultipartReader,
    PartBegins,
    PartData,
    PartEnds,
    media_type,
)

TYPE = 'multipart/related; type="application/dicom"; boundary="cut here"'


def body_of(parts, boundary=b"cut here", preamble=b"", epilogue=b""):
    pieces = [preamble]
    for headers, content in parts:
        pieces += [b"--" + boundary + b"\r\n", *(line + b"\r\n" for line in headers), b"\r\n", content, b"\r\n"]
    return b"".join([*pieces, b"--" + boundary + b"--", epilogue])


def read(body, sizes=None, content_type=TYPE, limits=None):
    """Return [(headers, content)] of a body fed in pieces of the given sizes."""
    reader, found, place = MultipartReader(content_type, limits), [], 0
    endless = itertools.cycle(sizes or [len(body) or 1])
    while place < len(body):
        size = next(endless)
        for event in reader.feed(body[place : place + size]):
            match event:
                case PartBegins(headers):
                    found.append([dict(headers), b"", False])
                case PartData(data):
                    assert data
                    assert not found[-1][2]
                    found[-1][1] += data
                case PartEnds():
                    found[-1][2] = True
        place += size
    reader.close()
    assert all(is_whole for _, _, is_whole in found)
    return [(headers, content) for headers, content, _ in found]


NASTY = [
    b"",
    b"\r\n",
    b"\r",
    b"\n\r\n\r",
    b"--cut her",
    b"\r\n--cut her",
    b"\r\n-",
    b"\r\n--cut herE\r\n--cut her",
    b"--",
    b"\r\n\r\n",
    b"x" * 100_000,
    b"\r" * 300,
    b"\r\n--" * 50,
    bytes(range(256)) * 3,
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 13, 64, 1000, 70_000])
def test_any_pieces_give_the_same_parts(size):
    parts = [([b"Content-Type: application/dicom"], content) for content in NASTY if size > 4 or len(content) < 1000]
    expected = [({"content-type": "application/dicom"}, content) for _, content in parts]
    assert read(body_of(parts, preamble=b"hello\r\n", epilogue=b"\r\nbye"), [size]) == expected


def test_random_bodies_are_what_pythons_mail_parser_reads():
    chance = np.random.default_rng(4)
    alphabet = [b"\r\n", b"\r", b"-", b"--", b"cut", b" here", b"x", b":", b"--cut here"[:-1]]
    for _ in range(60):
        contents = [b"".join(chance.choice(alphabet, int(chance.integers(0, 30)))) for _ in range(4)]
        contents = [content.replace(b"--cut here", b"--cut there") for content in contents]
        body = body_of(
            [([b"Content-Type: application/octet-stream", b"X-N: %d" % n], c) for n, c in enumerate(contents)]
        )
        message = email.message_from_bytes(b"Content-Type: " + TYPE.encode() + b"\r\n\r\n" + body, policy=policy.HTTP)
        theirs = [part.get_payload(decode=True) for part in message.iter_parts()]
        ours = [content for _, content in read(body, [int(size) for size in chance.integers(1, 40, 5)])]
        assert ours == contents
        # the mail parser takes a lone carriage return for a line's end, so compare where there is none
        for own, other in zip(ours, theirs, strict=True):
            if b"\r" not in own.replace(b"\r\n", b""):
                assert own == other


def test_a_part_may_have_no_headers_and_a_boundary_blanks_behind_it():
    body = b"--b  \t\r\n\r\nabc\r\n--b\r\nA: 1\r\n\r\n\r\n--b--"
    assert read(body, [1], "multipart/related; boundary=b") == [({}, b"abc"), ({"a": "1"}, b"")]


def test_nothing_after_the_closing_boundary_is_a_part():
    body = body_of([([], b"one")]) + b"\r\n--cut here\r\n\r\ntwo\r\n--cut here--"
    assert [content for _, content in read(body, [9])] == [b"one"]


def test_data_are_given_before_the_part_ends():
    reader = MultipartReader(TYPE)
    list(reader.feed(b"--cut here\r\n\r\n"))
    events = list(reader.feed(b"y" * 500_000))
    assert sum(len(event.data) for event in events) == 500_000
    assert len(reader._held) < 100


@pytest.mark.parametrize(
    "value",
    [
        "",
        "application/dicom",
        "multipart/form-data; boundary=b",
        "multipart/related",
        "multipart/related; boundary=",
        "multipart/related; boundary=" + "b" * 71,
        'multipart/related; boundary="b "',
        "multipart/related; boundary=b{}",
        "multipart/related; boundary=日本",
        "multipart/related, boundary=b",
    ],
)
def test_other_types_and_unfit_boundaries_are_refused(value):
    with pytest.raises(BadRequest) as caught:
        MultipartReader(value)
    assert caught.value.code == "E480"
    assert caught.value.facts["status"] == 415


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"--cut hereX\r\n\r\na\r\n--cut here--", "E481"),
        (b"--cut here-\r\n\r\na\r\n--cut here--", "E481"),
        (b"--cut here\r\nno colon\r\n\r\na\r\n--cut here--", "E481"),
        (b"--cut here\r\nA: 1\r\nA: 2\r\n\r\na\r\n--cut here--", "E481"),
        (b"--cut here\r\nA : 1\r\n\r\na\r\n--cut here--", "E481"),
        (b"--cut here\r\n: 1\r\n\r\na\r\n--cut here--", "E481"),
        (b"--cut here\r\n folded\r\n\r\na\r\n--cut here--", "E481"),
        (b"", "E483"),
        (b"no boundary at all", "E483"),
        (b"--cut here\r\n\r\nabc", "E483"),
        (b"--cut here\r\n\r\nabc\r\n--cut here", "E483"),
        (b"--cut here\r\nA: 1\r\n", "E483"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_malformed_and_broken_bodies_are_refused(body, code, size):
    with pytest.raises(BadRequest) as caught:
        read(body, [size])
    assert caught.value.code == code


def parts_of(count):
    return [([], b"")] * count


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize(
    ("limits", "within", "beyond"),
    [
        (Limits(parts=3), body_of(parts_of(3)), body_of(parts_of(4))),
        (Limits(headers=2), body_of([([b"a: 1", b"b: 1"], b"")]), body_of([([b"a: 1", b"b: 1", b"c: 1"], b"")])),
        (Limits(header_bytes=40), body_of([([b"a: " + b"x" * 35], b"")]), body_of([([b"a: " + b"x" * 36], b"")])),
        (
            Limits(preamble_bytes=60),
            body_of(parts_of(1), preamble=b"p" * 56 + b"\r\n"),
            body_of(parts_of(1), preamble=b"p" * 80 + b"\r\n"),
        ),
    ],
    ids=["parts", "headers", "header bytes", "preamble"],
)
def test_each_limit_holds_on_both_of_its_sides(limits, within, beyond, size):
    read(within, [size], limits=limits)
    with pytest.raises(BadRequest) as caught:
        read(beyond, [size], limits=limits)
    assert caught.value.code == "E482"


def test_ten_thousand_parts_take_time_in_proportion():
    """A body of many parts in one piece is not copied once for each of them, which would take minutes."""
    body = body_of([([b"Content-Type: application/dicom"], b"z" * 2000)] * 10_000)
    assert len(read(body, [len(body)])) == 10_000


def test_an_endless_header_is_refused_before_it_is_kept():
    reader = MultipartReader(TYPE)
    list(reader.feed(b"--cut here\r\nA: "))
    with pytest.raises(BadRequest) as caught:
        [list(reader.feed(b"a" * 1000)) for _ in range(100)]
    assert caught.value.code == "E482"
    assert len(reader._held) < 80_000


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        ("application/dicom", "application/dicom", {}),
        ("APPLICATION/DICOM; Transfer-Syntax=*", "application/dicom", {"transfer-syntax": "*"}),
        ('a/b; type="c/d"; boundary="x;y=\\"z\\""', "a/b", {"type": "c/d", "boundary": 'x;y="z"'}),
        ("*/*;q=0.5", "*/*", {"q": "0.5"}),
        ("nonsense", "", {}),
        ("a/b c/d", "", {}),
    ],
)  # fmt: skip
def test_media_types_with_their_parameters(value, kind, parameters):
    found = media_type(value)
    assert (found[0], dict(found[1])) == (kind, parameters)
