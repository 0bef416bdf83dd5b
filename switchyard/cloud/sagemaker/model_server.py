"""The process that serves one model: ``GET /ping`` and ``POST /invocations``, as a container's server does.

It runs an inference script's ``model_fn``, ``input_fn``, ``predict_fn`` and ``output_fn`` (or
``transform_fn``), with the defaults of SageMaker's scikit-learn container for those that it leaves out.

Source: "Use scikit-learn with the SageMaker Python SDK", section "Deploy a scikit-learn model".
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import json
import os
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from switchyard.cloud.asgi import Receive, Send, read_body, respond
from switchyard.cloud.sagemaker.forward import KEEP_ALIVE_SECONDS

LISTENING_SOCKET = 3
JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
# What a script gets as text, as from SageMaker's containers; of any other type it gets the bytes.
TEXTS = {JSON, CSV}


class UnsupportedContentTypeError(Exception):
    """Nothing here reads, or writes, that content type."""


def main(script: str, model_dir: str) -> None:
    """Load the model and serve it on the inherited socket until SIGTERM.

    Parameters
    ----------
    script : str
        The inference script.
    model_dir : str
        The folder with the unpacked model.
    """
    serve(LoadedModel(_load_script(Path(script)), model_dir))


class Model(Protocol):
    """What turns a request into an answer."""

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Answer one request; `accept` is ``*/*`` for one that does not say.

        Raises
        ------
        RequestError
            The request is at fault.
        """


def serve(model: Model) -> None:
    """Serve a model on the inherited socket until SIGTERM."""
    import uvicorn

    config = uvicorn.Config(
        ModelServer(model),
        lifespan="off",
        access_log=False,
        log_config=None,
        http="httptools",
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    listening = socket.socket(fileno=LISTENING_SOCKET)
    uvicorn.Server(config).run(sockets=[listening])


class LoadedModel:
    """A model with the functions that turn a request into an answer."""

    def __init__(self, script: ModuleType, model_dir: str) -> None:
        model_fn = getattr(script, "model_fn", None)
        if model_fn is None:
            raise SystemExit(f"{script.__name__}.py has no model_fn(model_dir), which is what loads the model")
        self.model = model_fn(model_dir)
        self._transform = getattr(script, "transform_fn", None)
        others = [name for name in ("input_fn", "predict_fn", "output_fn") if hasattr(script, name)]
        if self._transform is not None and others:
            raise SystemExit(
                f"{script.__name__}.py has transform_fn, which stands for {', '.join(others)}; leave one out"
            )
        self._default_accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON)
        self._input = getattr(script, "input_fn", _default_input)
        self._predict = getattr(script, "predict_fn", _default_predict)
        self._output = getattr(script, "output_fn", _default_output)

    def answer(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Answer one request.

        Raises
        ------
        RequestError
            The request is at fault: it cannot be read, predicted from, or answered as it wants.
        Exception
            Whatever else the script raises.
        """
        text: Any = body
        accept = self._default_accept if accept in {"*/*", ""} else accept
        if content_type.partition(";")[0].strip() in TEXTS:
            text = _decoded(body)
        if self._transform is not None:
            with _refusing(ValueError, status=400):
                return _as_bytes(self._transform(self.model, text, content_type, accept), accept)
        with _refusing(Exception, status=400):
            data = self._input(text, content_type)
        with _refusing(ValueError, status=400):  # as scikit-learn's, when a row has too many features
            prediction = self._predict(data, self.model)
        with _refusing(ValueError, UnsupportedContentTypeError, status=406):
            return _as_bytes(self._output(prediction, accept), accept)


class RequestError(Exception):
    """The request is at fault.

    Parameters
    ----------
    message : str
        What is wrong with it.
    status : int
        The HTTP status that says so.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@contextlib.contextmanager
def _refusing(*errors: type[Exception], status: int) -> Iterator[None]:
    """Turn a script's errors of these kinds into a refusal of the request; the log gets the traceback."""
    try:
        yield
    except errors as error:
        traceback.print_exc()
        unsupported = "unsupported" in type(error).__name__.lower()
        raise RequestError(_reason(error), 415 if unsupported and status == 400 else status) from error


class ModelServer:
    """The ASGI application around one model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._workers = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        route = (scope["method"], scope["path"])
        if route == ("GET", "/ping"):
            await respond(send, 200, b"", {"content-type": JSON})
        elif route == ("POST", "/invocations"):
            headers = dict(scope["headers"])
            content_type = headers.get(b"content-type", CSV.encode()).decode("latin-1")
            accept = headers.get(b"accept", b"*/*").decode("latin-1")
            body = await read_body(receive)
            status, answer, answer_type = await self._invoke(body, content_type, accept)
            await respond(send, status, answer, {"content-type": answer_type})
        else:
            known = b"only GET /ping and POST /invocations are served here"
            await respond(send, 404, known, {"content-type": "text/plain"})

    async def _invoke(self, body: bytes, content_type: str, accept: str) -> tuple[int, bytes, str]:
        loop = asyncio.get_running_loop()
        try:
            answer, answer_type = await loop.run_in_executor(
                self._workers, self._model.answer, body, content_type, accept
            )
        except RequestError as error:
            return error.status, str(error).encode(), "text/plain; charset=utf-8"
        except Exception as error:
            traceback.print_exc()
            return 500, _reason(error).encode(), "text/plain; charset=utf-8"
        return 200, answer, answer_type


def _load_script(path: Path) -> ModuleType:
    if not path.is_file():
        raise SystemExit(f"there is no inference script '{path.name}' in the model's code")
    # A process that was forked has not looked at its variables yet.
    search_path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:0] = [str(path.parent), *search_path]
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise SystemExit(f"the inference script '{path.name}' is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8 text: byte {error.start} is 0x{body[error.start]:02x}"
        raise RequestError(message, status=400) from None


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _default_input(body: Any, content_type: str) -> Any:
    import numpy

    kind = content_type.partition(";")[0].strip()
    if kind == JSON:  # as the container does, text becomes numbers of 32 bits
        return numpy.array(json.loads(body)).astype(numpy.float32)
    if kind == CSV:
        return numpy.loadtxt(io.StringIO(body), delimiter=",", ndmin=2).astype(numpy.float32)
    if kind == NPY:
        return numpy.load(io.BytesIO(body), allow_pickle=False)
    raise UnsupportedContentTypeError(f"the content type '{content_type}' is not one of {CSV}, {JSON}, {NPY}")


def _default_predict(data: Any, model: Any) -> Any:
    if type(model).__module__ == "xgboost.core":  # a Booster takes its own kind of matrix alone
        import xgboost

        data = xgboost.DMatrix(data)
    return model.predict(data)


def _default_output(prediction: Any, accept: str) -> tuple[bytes, str]:
    import numpy

    values = numpy.asarray(prediction)
    for choice in (each.partition(";")[0].strip() for each in accept.split(",")):
        if choice == CSV:
            rows: Iterable[Any] = values.reshape(len(values), -1)
            return "".join(",".join(map(str, row)) + "\n" for row in rows).encode(), CSV
        if choice == NPY:
            buffer = io.BytesIO()
            numpy.save(buffer, values)
            return buffer.getvalue(), NPY
        if choice == JSON:
            return json.dumps(values.tolist()).encode(), JSON
    raise UnsupportedContentTypeError(f"'{accept}' cannot be written; ask for one of {CSV}, {JSON}, {NPY}")


def _as_bytes(answer: Any, accept: str) -> tuple[bytes, str]:
    content, content_type = answer if isinstance(answer, tuple) else (answer, accept)
    return content.encode() if isinstance(content, str) else bytes(content), content_type
