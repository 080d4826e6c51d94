"""Prepare training data on other machines: the dispatcher of a tf.data service, or one of its workers.

blazepose data-service --port=5050                               # the dispatcher
blazepose data-service --dispatcher=HOST0:5050 --host=HOST1      # a worker, on as many machines as one likes
blazepose train ... --data_service=HOST0:5050

Dispatcher, workers and training read the record shards under the same paths (shared storage) and have the same version
of this package. There is no encryption and no password: inside of one's own network only.
"""

from __future__ import annotations

import logging

from absl import flags

from blazepose_tf.cli import UserError, use_threads

FLAGS = flags.FLAGS


def define_flags() -> None:
    flags.DEFINE_string("dispatcher", None, "host:port of the dispatcher that a worker works for")
    flags.DEFINE_string("host", "127.0.0.1", "name of this machine for the others")
    flags.DEFINE_integer("port", 0, "of this process; 0 = any free one", lower_bound=0, upper_bound=65535)
    flags.DEFINE_integer("threads", 0, "CPU threads of TensorFlow; 0 = all cores")


def main(argv: list[str]) -> int:
    if argv:
        raise UserError(f"unexpected arguments: {' '.join(argv)}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(message)s", datefmt="%H:%M:%S")
    use_threads(FLAGS.threads)
    import tensorflow as tf

    service = tf.data.experimental.service
    try:
        if FLAGS.dispatcher is None:
            server = service.DispatchServer(service.DispatcherConfig(port=FLAGS.port))
            print(f"dispatcher at {FLAGS.host}:{server.target.rpartition(':')[2]}", flush=True)
        else:
            # TensorFlow puts the port in the place of %port%.
            port = FLAGS.port or "%port%"
            config = service.WorkerConfig(FLAGS.dispatcher, worker_address=f"{FLAGS.host}:{port}", port=FLAGS.port)
            server = service.WorkerServer(config)
            print(f"worker of {FLAGS.dispatcher}", flush=True)
    except tf.errors.OpError as error:
        raise UserError(f"the service does not start: {error.message}") from error
    server.join()
    return 0
