"""The HTML report: one file, well-formed, nothing loaded from anywhere."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

from blazepose_tf.evaluation import annotations, cases, evaluate, markup, report, svg


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def result(tmp_path, three_people):
    """Predictions of two other systems: one knows the truth, one sees nobody in the second picture."""
    data = annotations.load(three_people)
    files = {}
    for name, spoiled in (("good", None), ("<b>bad</b>", 2)):
        records = []
        for p in data.people:
            flat = np.concatenate([p.points, np.ones((33, 1))], axis=1).ravel().tolist()
            records.append({"image_id": p.image_id, "keypoints": None if p.id == spoiled else flat, "score": 0.9})
        path = tmp_path / f"{len(files)}.json"
        path.write_text(json.dumps(records), encoding="utf-8")
        files[name] = str(path)
    return evaluate.evaluate(evaluate.Options(data=str(three_people), prediction_files=files, protocols=()))


def test_self_contained_and_well_formed(result):
    document = json.loads(evaluate.to_json(result.document))
    page = _Page()
    text = report.render(document, result.pairs, result.data)
    page.feed(text)
    assert page.open == []
    assert "script" not in page.tags and "iframe" not in page.tags
    assert page.addresses and all(a.startswith("data:") for a in page.addresses)
    assert "http:" not in text and "https:" not in text
    assert "<b>bad" not in text and "&lt;b&gt;bad" in text  # names are text, never markup
    assert markup.POLICY in text and "default-src 'none'" in markup.POLICY
    assert "nobody found" in text


def test_pictures_are_valid_xml():
    chart = svg.line_chart(
        [("a & b", [0, 1, 2], [0.1, None, 0.3]), ("c", [0, 1, 2], [0.2, 0.2, 0.2])],
        x_label="x <1>", y_label="y", bands=[([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]), None],
    )  # fmt: skip
    root = ElementTree.fromstring(ElementTree.tostring(chart))
    lines = [e for e in root.iter() if e.tag == "polyline"]
    assert len(lines) == 2
    assert len(lines[0].get("points").split()) == 2  # the gap is left out


def test_ticks_are_round_numbers():
    assert svg.ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert svg.ticks(0.07, 0.31, 3) == [0.1, 0.2, 0.3]
    assert svg.ticks(5, 5) == [5]


def test_worst_best_and_most_different(result):
    good, bad = (cases.scores(pair) for pair in result.pairs)
    worst, _ = cases.extremes(bad, 1)
    assert bad.ids[worst[0]] == 2
    assert cases.most_different(good, bad, 1) == [(1, 1)]


def test_unknown_numbers_become_null():
    text = evaluate.to_json({"a": float("nan"), "b": np.float32(0.25), "c": [np.int64(3), (1.0, float("inf"))]})
    assert json.loads(text) == {"a": None, "b": 0.25, "c": [3, [1.0, None]]}


def test_a_third_column_of_one_number_is_no_visibility(result):
    for run in result.document["runs"]:
        assert np.isnan(run["metrics"]["visibility"]["f1"]) and np.isnan(run["metrics"]["pdj_torso@0.2"]["17"])


MARKUP = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&quot;</svg></style>"


def test_whatever_comes_from_files_is_text(tmp_path, write_dataset, annotation, standing):
    """Ids, groups, descriptions, names of files and systems with markup in them."""
    people = [annotation(n, standing(90, 110)) | {"dataset": f"{MARKUP}{n}", "id": f"{MARKUP}{n}"} for n in (1, 2)]
    path = write_dataset(people)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["info"]["description"] = MARKUP
    document["images"][0]["id"] = document["annotations"][0]["image_id"] = MARKUP
    path = path.with_name("a<b>&'\".json")
    path.write_text(json.dumps(document), encoding="utf-8")
    record = {"image_id": MARKUP, "annotation_id": f"{MARKUP}1", "keypoints": None}
    other = {**record, "image_id": 2, "annotation_id": f"{MARKUP}2", "keypoints": [1.0] * 99}
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text(json.dumps([record, other]), encoding="utf-8")
    files = {MARKUP: str(tmp_path / "one.json"), "two": str(tmp_path / "two.json")}
    result = evaluate.evaluate(evaluate.Options(data=str(path), prediction_files=files, protocols=()))
    text = report.render(json.loads(evaluate.to_json(result.document)), result.pairs, result.data)
    page = _Page()
    page.feed(text)
    assert page.open == [] and not {"script", "img"} & set(page.tags)
    assert "alert(1)" in text and "<script" not in text and "<img" not in text
    assert all(a.startswith("data:") for a in page.addresses)


def test_elements_escape_text_and_attributes():
    made = markup.element(
        "p", "a < b", markup.element("b", "&amp;"), [" tail ", None, "more"], title='"x" & y', class_="c"
    )
    made.set("n", "1")
    text = markup.text_of(made)
    assert text == '<p title="&quot;x&quot; &amp; y" class="c" n="1">a &lt; b<b>&amp;amp;</b> tail more</p>'
    assert (
        markup.text_of(markup.element("line", stroke_width=1.25, x1=3, y1=None))
        == '<line stroke-width="1.2" x1="3"></line>'
    )
