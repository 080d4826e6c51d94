"""The one entry of JSON from outside."""

from __future__ import annotations

import json
import random

import pytest

from blazepose_tf import documents
from blazepose_tf.documents import COUNT, FLAG, NUMBER, TEXT, ListOf, MapOf, Optional, Part


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"f\.json: expected JSON\. Received: nothing"),
        (b'{"a":\n }', r"f\.json:2:2: not valid JSON: Expecting value"),
        (b'{"images": [{"width": 640}, {"width": NaN}]}', r"f\.json: images\[1\]\.width: expected a finite number"),
        (b'{"a": [1, -Infinity]}', r"f\.json: a\[1\]: expected a finite number\. Received: -inf"),
        (b'{"a": {"b": 1e999}}', r"f\.json: a\.b: expected a finite number\. Received: inf"),
        (b"[" + b"9" * 400 + b"]", r"f\.json: \[0\]: expected a finite number"),
        (b"[" + b"9" * 5000 + b"]", r"f\.json: not valid JSON: a number of thousands of digits"),
        (b"[" * 70 + b"]" * 70, r"f\.json: nested deeper than 64 levels"),
        (b'{"a":' * 200_000, r"f\.json: nested deeper than 64 levels"),
        (b'[{"id": 1}, {"id": 1, "x": 0, "id": 2}]', r"f\.json: \[1\]: the key 'id' is there twice"),
        (b'{"a": ["\\ud800"]}', r"f\.json: a\[0\]: half a surrogate pair"),
        (b'{"\\udc00": 1}', r"half a surrogate pair"),
        ('{"name":\n "Jürgen"}'.encode("latin-1"), r"f\.json:2: not UTF-8 text \(byte 12 is 0xfc\)"),
    ],
)
def test_what_json_forbids_is_refused_with_its_place(tmp_path, data, message):
    path = tmp_path / "f.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        documents.read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_json_is_read(tmp_path, encoding):
    content = {"file_name": "Übung_π.jpg", "values": [1, 2.5, None, True], "deep": [[[{}]]]}
    (tmp_path / "a.json").write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    assert documents.read(tmp_path / "a.json") == content


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"expected a JSON file\. Received: a folder"):
        documents.read(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nothing\.json"):
        documents.read(tmp_path / "nothing.json")


def test_readers_that_look_at_every_number_may_see_nan():
    assert documents.parse("[NaN, Infinity]", "x", finite=False)[1] == float("inf")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1), (1.0, 1), ("1", 1), (-3.0, -3), ("-3", -3), ("0", 0),
        ("007", "007"), ("-0", "-0"), ("1.0", "1.0"), ("a", "a"), ("9" * 30, "9" * 30), ("²", "²"),
        ("", None), (None, None), (True, None), (1.5, None), ([1], None), ({}, None),
    ],
)  # fmt: skip
def test_one_meaning_of_an_id(value, expected):
    found = documents.identity(value)
    assert found == expected
    assert type(found) is type(expected)


SHAPE = {"name": TEXT, "runs": ListOf(Part({"n": COUNT, "p": Optional(NUMBER)})), "flags": MapOf(FLAG)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "d: name: expected text. Received: 1"),
        ({"name": None}, "d: name: expected text. Received: None"),
        ({"runs": {}}, "d: runs: expected a list. Received: an object of 0"),
        ({"runs": [{"n": 1}, {"n": -1}]}, r"d: runs\[1\]\.n: expected a whole number >= 0. Received: -1"),
        ({"runs": [{"n": True}]}, r"runs\[0\]\.n: expected a whole"),
        ({"runs": [{"p": 1.0}]}, r"d: runs\[0\]: missing fields \['n'\]"),
        ({"runs": [{"n": 2.0, "p": "x" * 500}]}, r"runs\[0\]\.p: expected a finite number. Received: 'x+\.\.\."),
        ({"flags": {"a": True, "b": 1}}, r"d: flags\.b: expected true or false"),
        ({"flags": []}, "d: flags: expected an object. Received: a list of 0"),
        ({"more": 1}, r"d: unknown fields \['more'\]"),
    ],
)
def test_shapes(change, message):
    right = {"name": "x", "runs": [{"n": 2, "p": None, "more": []}, {"n": 3.0}], "flags": {"a": False}}
    assert documents.check(right, SHAPE, "d") is right
    with pytest.raises(ValueError, match=message):
        documents.check({**right, **change}, SHAPE, "d")


def test_any_change_of_any_byte_is_read_or_refused_in_one_line():
    source = random.Random()
    whole = json.dumps({"images": [{"id": 1, "w": 2.5, "n": "é\t"}], "t": [True, None, -1e-3]}).encode()
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(data))
            choice = source.random()
            if choice < 0.5:
                data[at] = source.randrange(256)
            elif choice < 0.8:
                data[at:at] = source.choice([b"[", b"{", b"NaN", b'"', b"\xff", b"1e999", b"\\ud800", b"[" * 3000])
            else:
                del data[at : at + source.randint(1, 9)]
        try:
            document = documents.parse(bytes(data), "f")
        except ValueError as error:
            assert str(error).startswith("f") and "\n" not in str(error), bytes(data)
        else:
            json.dumps(document, allow_nan=False).encode()
