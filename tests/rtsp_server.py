"""A camera on the network that speaks RTSP (RFC 2326), with its pictures in the same connection."""

import io
import re
import socketserver
import struct
import time

import av
import numpy as np

_FPS, _SIZE = 25, (64, 48)
_ABOUT = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cabin\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track0\r\n"
)


class Packets(io.RawIOBase):
    """Takes packets of RTP one by one, and sends each in the connection's own frame."""

    def __init__(self, send):
        self.send = send

    def writable(self):
        return True

    def write(self, packet):
        data = bytes(packet)
        channel = 1 if data[1] in range(200, 205) else 0  # reports go beside the pictures
        self.send(b"$" + struct.pack(">BH", channel, len(data)) + data)
        return len(data)


class Camera(socketserver.StreamRequestHandler):
    """Shows ``server.length`` pictures that grow brighter, and hangs up."""

    def handle(self):
        while (request := self.request_of()) is not None:
            method, number, lines = request
            if method == "SETUP" and "RTP/AVP/TCP" not in lines:
                self.say(number, "461 Unsupported Transport", "\r\n")  # not over UDP
                continue
            answer = {
                "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n",
                "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(_ABOUT)}\r\n"
                            f"\r\n{_ABOUT}",
                "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n",
                "PLAY": "Session: 1\r\n\r\n",
            }.get(method, "\r\n")  # fmt: skip
            self.say(number, "200 OK", answer)
            if method == "PLAY":
                self.play()
                return

    def say(self, number, status, rest):
        self.wfile.write(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\n{rest}".encode())

    def request_of(self):
        lines = ""
        while (line := self.rfile.readline().decode()) not in ("\r\n", ""):
            lines += line
        if not lines:
            return None
        return lines.split()[0], re.search(r"CSeq: (\d+)", lines)[1], lines

    def play(self):
        options = {"payload_type": "96"}
        with av.open(Packets(self.wfile.write), "w", format="rtp", options=options) as container:
            stream = container.add_stream("libx264", rate=_FPS)
            stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
            stream.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "5"}
            for i in range(self.server.length):
                shade = np.full((_SIZE[1], _SIZE[0], 3), 40 + 5 * i, np.uint8)
                for packet in stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")):
                    container.mux(packet)
                time.sleep(1 / _FPS)  # cameras take their time


class Server(socketserver.ThreadingTCPServer):
    """Give it an address and `Camera`."""

    allow_reuse_address = daemon_threads = True
    length = 40
