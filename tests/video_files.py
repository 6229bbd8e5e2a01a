"""Small videos, made for the tests."""

import av
import numpy as np

FPS = 25


def write(path, codec="libx264", length=30, size=(64, 48), pix_fmt="yuv420p", pts=None, **keys):
    """Write frames whose upper left quarter is bright, and brighter with the frame number."""
    start = keys.pop("start", 0)
    with av.open(str(path), "w", options=keys) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.options = {"g": "5", "threads": "1"}
        for i in range(length):
            image = np.zeros((size[1], size[0], 3), np.uint8)
            image[: (size[1] + 1) // 2, : (size[0] + 1) // 2] = 60 + 5 * (i % 30)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts = start + (i if pts is None else pts[i])
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
