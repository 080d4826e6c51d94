"""Poses over HTTP: pictures one by one, live frames over a WebSocket.

    pip install 'blazepose_tf[service]'
    python examples/service.py --port=8000
    curl --data-binary @photo.jpg http://127.0.0.1:8000/pose

POST /pose takes the bytes of one picture and answers with the JSON of `PoseResult.to_json`. A picture that cannot be
read is 400, one of more than 20 MB 413, and where more requests wait than will be served in time 503. The WebSocket
/film takes encoded frames as binary messages and answers each frame that it read; frames that came in the meantime are
dropped.

A pipeline reads one picture at a time, so that there is one for each processor; requests wait for a free one without
holding a thread. Everything runs in this process: for more machines, start more of it behind a balancer.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response, WebSocket, WebSocketDisconnect

from blazepose_tf.media.pictures import decode
from blazepose_tf.runtime import PosePipeline
from blazepose_tf.runtime.live import follow
from blazepose_tf.runtime.poses import PoseResult

MAX_BYTES, MAX_MEGAPIXELS = 20_000_000, 50.0
WAITING = 200  # requests; beyond, a client had better come back later


class Pipelines:
    """Pipelines that requests borrow."""

    def __init__(self, count: int, **options):
        self._idle: asyncio.Queue[PosePipeline] = asyncio.Queue()
        for _ in range(count):
            self._idle.put_nowait(PosePipeline(**options))
        self._waiting = 0

    @asynccontextmanager
    async def one(self):
        """A pipeline of one's own for a while; HTTP 503 where too many wait for one."""
        if self._waiting >= WAITING:
            raise HTTPException(503, "too many requests wait", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            pipeline = await self._idle.get()
        finally:
            self._waiting -= 1
        try:
            yield pipeline
        finally:
            self._idle.put_nowait(pipeline)


def read(pipeline: PosePipeline, content: bytes) -> PoseResult:
    """Decodes and reads a picture; runs in a thread."""
    return pipeline(decode(content, max_megapixels=MAX_MEGAPIXELS))


async def body_of(request: Request) -> bytes:
    """The body, which is not read further than what is allowed."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BYTES:
            raise HTTPException(413, f"a picture may have {MAX_BYTES} bytes")
    return bytes(content)


def make_app(workers: int | None = None, **options) -> FastAPI:
    """The service.

    Args:
        workers: pipelines; one for each processor without it.
        **options: of `PosePipeline`.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.pipelines = Pipelines(workers or os.cpu_count() or 1, **options)
        yield

    app = FastAPI(title="blazepose_tf", lifespan=lifespan)

    @app.post("/pose")
    async def pose(request: Request) -> Response:
        content = await body_of(request)
        async with app.state.pipelines.one() as pipeline:
            try:
                result = await asyncio.to_thread(read, pipeline, content)
            except ValueError as error:
                raise HTTPException(400, str(error)) from error
        return Response(result.to_json(), media_type="application/json")

    @app.websocket("/film")
    async def film(socket: WebSocket) -> None:
        await socket.accept()

        async def frames():
            while True:
                content = await socket.receive_bytes()
                yield await asyncio.to_thread(decode, content, max_megapixels=MAX_MEGAPIXELS), None

        try:
            async with app.state.pipelines.one() as pipeline:
                async for _, result in follow(pipeline.stream(), frames()):
                    await socket.send_text(result.to_json())
        except WebSocketDisconnect:
            pass
        except HTTPException as error:
            await socket.close(1013, error.detail)
        except ValueError as error:
            await socket.close(1003, str(error)[:120])

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, help="pipelines; one for each processor without it")
    parser.add_argument("--tracker", default="lite", help="file or name of a shipped one")
    parser.add_argument("--max_people", type=int, default=1, help="how many people are looked for")
    options = parser.parse_args()
    app = make_app(options.workers, tracker=options.tracker, max_people=options.max_people)
    uvicorn.run(app, host=options.host, port=options.port)


if __name__ == "__main__":
    main()
