"""Runs inside the environment of the package `fer`, without mien: probabilities of crops, and what they cost.

    python ask_fer.py crops.npz photo.jpg answers.npz keras|tflite

Crops go the way that fer's own `detect_emotions` takes after it has found a face: resized to the network's input,
scaled to -1..1, then its classifier; only its last step, rounding to two decimals, is left out. One thread. Prints its
figures as JSON on the last line.
"""

import hashlib
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
started = time.process_time()
import fer.fer  # noqa: E402

import_s = time.process_time() - started
import cv2  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

TIMED = 200
PHOTOS = 15


def main() -> None:
    """Score, time, print."""
    crops_file, photo, target, kind = sys.argv[1:]
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cv2.setNumThreads(1)
    crops = np.load(crops_file)["crops"]
    started = time.process_time()
    model = fer.fer.FER(use_tflite=kind == "tflite")
    open_s = time.process_time() - started
    size = model._FER__emotion_target_size
    weights = {"tflite": "emotion_model_quantized.tflite", "keras": "emotion_model.hdf5"}[kind]
    sha256 = hashlib.sha256((Path(fer.__file__).parent / "data" / weights).read_bytes()).hexdigest()

    def prepared(crop: np.ndarray) -> np.ndarray:
        return (np.array([cv2.resize(crop, size)], dtype="float32") / 255.0 - 0.5) * 2.0

    if kind == "tflite":
        scores = np.concatenate([np.asarray(model._classify_emotions(prepared(crop))) for crop in crops])
    else:  # a batch gives what single calls give, and saves minutes
        batches = [crops[start : start + 64] for start in range(0, len(crops), 64)]
        faces = [np.concatenate([prepared(crop) for crop in batch]) for batch in batches]
        scores = np.concatenate([np.asarray(model._classify_emotions(face)) for face in faces])
    np.savez(target, scores=scores, labels=np.array(list(model._get_labels().values())))
    faces_ms = [cpu_ms(lambda crop=crop: model._classify_emotions(prepared(crop))) for crop in crops[:TIMED]]
    picture = cv2.imread(photo)
    model.detect_emotions(picture)
    photos_ms = [cpu_ms(lambda: model.detect_emotions(picture)) for _ in range(PHOTOS)]
    print(
        json.dumps(
            {
                "sha256": sha256,
                "import_cpu_s": import_s,
                "open_cpu_s": open_s,
                "cpu_ms_per_face": statistics.median(faces_ms),
                "cpu_ms_per_photo": statistics.median(photos_ms),
                "faces_in_photo": len(model.detect_emotions(picture)),
            }
        )
    )


def cpu_ms(work: object) -> float:
    """Return the CPU time of one call, in milliseconds."""
    started = time.process_time()
    work()  # type: ignore[operator]
    return 1000 * (time.process_time() - started)


if __name__ == "__main__":
    main()
