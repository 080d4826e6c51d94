"""The pipeline behind tf.data's service: another process may prepare the batches."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from blazepose_tf import specs
from blazepose_tf.data import pipeline


def test_served_batches_are_those_of_the_plain_pipeline(ten_records):
    dispatcher = tf.data.experimental.service.DispatchServer()
    worker = tf.data.experimental.service.WorkerServer(
        tf.data.experimental.service.WorkerConfig(dispatcher_address=dispatcher.target.split("://")[1])
    )
    plain = pipeline.tracker_dataset(ten_records, spec=specs.TrackerSpec(input_size=128), batch_size=4, training=False)
    served = plain.apply(
        tf.data.experimental.service.distribute(
            processing_mode=tf.data.experimental.service.ShardingPolicy.OFF, service=dispatcher.target
        )
    )
    pairs = list(zip(plain, served, strict=True))
    assert len(pairs) == 3
    for a, b in pairs:
        for part, other in zip(a, b, strict=True):
            for key in part:
                np.testing.assert_array_equal(part[key], other[key], err_msg=key)
    del worker
