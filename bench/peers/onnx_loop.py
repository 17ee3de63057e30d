"""The peer of the kernel in ONNX Runtime: its LSTM operator, and its sampling in the graph too.

Run in an environment of its own (`make bench-peers`), on the CPU. Two ways of using it: a session
that makes one step and is called for each character, its states staying in the runtime's own
tensors, or (`whole`) a graph with a Loop operator that writes many characters in one call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.clock import LAYERS, VOCABULARY, rate, together

STATES = [f"{name}{k}" for k in range(LAYERS) for name in "hc"]


class OnnxLoop:
    def __init__(self, *, hidden: int, threads: int, whole: bool = False) -> None:
        import numpy as np
        import onnx
        import onnxruntime as ort

        self.np, self.onnx, self.ort = np, onnx, ort
        self.hidden, self.threads, self.whole = hidden, threads, whole
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        graph = self._looped() if whole else self._graph("step", self._step(), STATES)
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9
        )
        onnx.checker.check_model(model)
        self.session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def generate(self, seconds: float, streams: int) -> float:
        count = together(streams) if self.whole else 32
        work = self._loop(streams, count) if self.whole else self._steps(streams, count)
        work()
        return rate(work, count * streams, seconds, self.threads)

    def _start(self, streams: int) -> dict[str, Any]:
        np, value = self.np, self.ort.OrtValue.ortvalue_from_numpy
        zeros = np.zeros((1, streams, self.hidden), np.float32)
        return {
            "token": value(np.ones((1, streams), np.int32)),
            **{n: value(zeros) for n in STATES},
        }

    def _steps(self, streams: int, count: int) -> Callable[[], None]:
        names = [f"{name}_next" for name in ("token", *STATES)]
        start = self._start(streams)

        def work() -> None:
            feed = start
            for _ in range(count):
                found = self.session.run_with_ort_values(names, feed)
                feed = dict(zip(("token", *STATES), found, strict=True))

        return work

    def _loop(self, streams: int, count: int) -> Callable[[], None]:
        feed = self._start(streams)
        feed["count"] = self.ort.OrtValue.ortvalue_from_numpy(self.np.array(count, self.np.int64))
        return lambda: self.session.run_with_ort_values(["text"], feed)

    # The graphs

    def _constants(self) -> list[Any]:
        np, rng = self.np, self.np.random.default_rng(0)
        bound = self.hidden**-0.5
        arrays = {
            "eye": np.eye(VOCABULARY, dtype=np.float32),
            "coolness": np.float32(1 / 0.8).reshape(1),
            "head": rng.uniform(-bound, bound, (self.hidden, VOCABULARY)),
            "first": np.array([0], np.int64),
            "row": np.array([1, -1], np.int64),
        }
        for k in range(LAYERS):
            size = VOCABULARY if k == 0 else self.hidden
            arrays[f"w{k}"] = rng.uniform(-bound, bound, (1, 4 * self.hidden, size))
            arrays[f"r{k}"] = rng.uniform(-bound, bound, (1, 4 * self.hidden, self.hidden))
            arrays[f"b{k}"] = rng.uniform(-bound, bound, (1, 8 * self.hidden))
        return [
            self.onnx.numpy_helper.from_array(
                a if a.dtype != np.float64 else a.astype(np.float32), name
            )
            for name, a in arrays.items()
        ]

    def _step(self) -> list[Any]:
        node = self.onnx.helper.make_node
        nodes = [node("Gather", ["eye", "token"], ["x0"])]
        for k in range(LAYERS):
            inputs = [f"x{k}", f"w{k}", f"r{k}", f"b{k}", "", f"h{k}", f"c{k}"]
            outputs = [f"y{k}", f"h{k}_next", f"c{k}_next"]
            nodes.append(node("LSTM", inputs, outputs, hidden_size=self.hidden))
            # [time, directions, batch, hidden] without its directions.
            nodes.append(node("Squeeze", [f"h{k}_next", "first"], [f"flat{k}"]))
            nodes.append(node("Unsqueeze", [f"flat{k}", "first"], [f"x{k + 1}"]))
        top = f"flat{LAYERS - 1}"
        return [
            *nodes[:-1],
            node("MatMul", [top, "head"], ["logits"]),
            node("Mul", ["logits", "coolness"], ["cooled"]),
            node("Multinomial", ["cooled"], ["drawn"], sample_size=1),
            node("Reshape", ["drawn", "row"], ["token_next"]),
        ]

    def _graph(self, name: str, nodes: list[Any], states: list[str]) -> Any:
        inputs = [self._value("token"), *map(self._value, states)]
        outputs = [self._value("token", "_next"), *(self._value(s, "_next") for s in states)]
        return self.onnx.helper.make_graph(nodes, name, inputs, outputs, self._constants())

    def _value(self, name: str, ending: str = "") -> Any:
        kinds, info = self.onnx.TensorProto, self.onnx.helper.make_tensor_value_info
        if name == "token":
            return info(name + ending, kinds.INT32, [1, "streams"])
        return info(name + ending, kinds.FLOAT, [1, "streams", self.hidden])

    def _looped(self) -> Any:
        onnx = self.onnx
        node, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
        kinds, names = onnx.TensorProto, ["token", *STATES]
        body = onnx.helper.make_graph(
            [
                node("Identity", ["again"], ["still"]),
                *self._step(),
                node("Identity", ["token_next"], ["written"]),
            ],
            "body",
            [info("n", kinds.INT64, []), info("again", kinds.BOOL, []), *map(self._value, names)],
            [
                info("still", kinds.BOOL, []),
                *(self._value(name, "_next") for name in names),
                info("written", kinds.INT32, [1, "streams"]),
            ],
        )
        last = [f"{name}_last" for name in names]
        loop = node("Loop", ["count", "", *names], [*last, "text"], body=body)
        return onnx.helper.make_graph(
            [loop],
            "loop",
            [info("count", kinds.INT64, []), *map(self._value, names)],
            [info("text", kinds.INT32, ["count", 1, "streams"])],
            self._constants(),
        )
