"""The article's network in Keras 3, run by ``benchmarks.article`` in an environment of its own.

``python keras_article.py BATCH STEPS THREADS`` takes its steps whenever a line comes in, and prints their number.
"""

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(batch: int, steps: int, threads: int) -> None:
    """Build, compile and wait for lines."""
    import keras
    import numpy as np
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    layers = keras.layers
    network = keras.Sequential([layers.Input((28, 28, 1))])
    for width in (32, 64, 128):
        network.add(layers.Conv2D(width, 3, activation="relu"))
        network.add(layers.MaxPooling2D(2))
    network.add(layers.Flatten())
    network.add(layers.Dense(128, activation="relu"))
    network.add(layers.Dropout(0.5))
    network.add(layers.Dense(2, activation="softmax"))
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    images = np.random.default_rng(0).random((batch * steps, 28, 28, 1), dtype=np.float32)
    labels = np.arange(batch * steps) % 2
    for _ in sys.stdin:
        network.fit(images, labels, batch_size=batch, epochs=1, shuffle=True, verbose=0)
        print(steps, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
