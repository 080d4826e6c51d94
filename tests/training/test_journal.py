"""CSV files and events of a run, also over a resume."""

from __future__ import annotations

import csv

import numpy as np
import tensorflow as tf

from blazepose_tf.training.journal import Journal


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_after_a_resume_every_step_is_there_once(tmp_path):
    journal = Journal(tmp_path)
    for step in (10, 20, 30):
        journal.train(step, stage="a", epoch=0, values={"loss": step / 7})
    journal.close()
    with open(tmp_path / "train.csv", "a") as file:
        file.write("40,a")  # a kill in the middle of a line
    journal = Journal(tmp_path, step=20)
    journal.train(30, stage="b", epoch=1, values={"loss": 1.0, "landmarks_loss": 2.0})
    journal.close()
    rows = read(tmp_path / "train.csv")
    assert [row["step"] for row in rows] == ["10", "20", "30"]
    assert rows[0]["loss"] == "1.42857" and rows[0]["landmarks_loss"] == ""
    assert rows[2] == {"step": "30", "stage": "b", "epoch": "1", "loss": "1", "landmarks_loss": "2"}
    assert not (tmp_path / "validation.csv").exists()  # nothing was validated


def test_events_hold_scalars_and_pictures(tmp_path):
    journal = Journal(tmp_path)
    journal.validation(7, stage="a", epoch=0, scores={"pck_torso": 0.5}, sheet=np.zeros((4, 6, 3), np.uint8))
    journal.close()
    found = {}
    for file in (tmp_path / "tensorboard").iterdir():
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[value.tag] = (event.step, tf.make_ndarray(value.tensor))
    step, score = found["validation/pck_torso"]
    assert step == 7 and score == 0.5
    width, height, png = found["validation/predictions"][1]
    assert (width, height) == (b"6", b"4") and tf.io.decode_png(png).shape == (4, 6, 3)
