"""The peer of the kernel in JAX: the whole generation loop in one compiled `lax.scan`.

Run in an environment of its own (`make bench-peers`), on the CPU. What can be done once is done
once: weights of both inputs of a layer are one matrix, a one-hot input is a row of it, and all
uniform numbers of a call are drawn together.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bench.clock import LAYERS, VOCABULARY, rate, together


class JaxLoop:
    def __init__(self, *, hidden: int, threads: int) -> None:
        os.environ["JAX_PLATFORMS"] = "cpu"
        if threads == 1:
            flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
            os.environ["XLA_FLAGS"] = flags
        import jax

        self.jax, self.hidden, self.threads = jax, hidden, threads
        keys = jax.random.split(jax.random.PRNGKey(0), LAYERS + 1)
        bound = hidden**-0.5
        self.weights = []
        for k in range(LAYERS):
            rows = (VOCABULARY if k == 0 else hidden) + hidden
            shape = (rows, 4 * hidden)
            self.weights.append(jax.random.uniform(keys[k], shape, minval=-bound, maxval=bound))
        self.head = jax.random.uniform(keys[-1], (hidden, VOCABULARY), minval=-bound, maxval=bound)
        self._compiled: dict[int, Callable[..., Any]] = {}
        self._calls = 0

    def generate(self, seconds: float, streams: int) -> float:
        jax = self.jax
        loop = self._compiled.setdefault(streams, self._loop(streams))
        start = jax.numpy.zeros(streams, jax.numpy.int32)
        zeros = jax.numpy.zeros((LAYERS, streams, self.hidden))

        def work() -> None:
            self._calls += 1
            key = jax.random.PRNGKey(self._calls)
            loop(self.weights, self.head, key, start, zeros, zeros)[0].block_until_ready()

        work()
        return rate(work, together(streams) * streams, seconds, self.threads)

    def _loop(self, streams: int) -> Callable[..., Any]:
        jax = self.jax
        jnp, count = jax.numpy, together(streams)

        def step(weights: Any, head: Any, carried: Any, uniform: Any) -> Any:
            token, h, c = carried
            x, hs, cs = None, [], []
            for k, w in enumerate(weights):
                if x is None:
                    z = w[token] + h[0] @ w[VOCABULARY:]
                else:
                    z = jnp.concatenate([x, h[k]], axis=1) @ w
                i, f, g, o = jnp.split(z, 4, axis=1)
                cell = jax.nn.sigmoid(f) * c[k] + jax.nn.sigmoid(i) * jnp.tanh(g)
                x = jax.nn.sigmoid(o) * jnp.tanh(cell)
                hs.append(x)
                cs.append(cell)
            shares = jnp.cumsum(jax.nn.softmax(x @ head / 0.8), axis=1)
            drawn = jnp.argmax(shares >= uniform[:, None] * shares[:, -1:], axis=1)
            drawn = drawn.astype(jnp.int32)
            return (drawn, jnp.stack(hs), jnp.stack(cs)), drawn

        def run(weights: Any, head: Any, key: Any, token: Any, h: Any, c: Any) -> Any:
            uniforms = jax.random.uniform(key, (count, streams))

            def body(carried: Any, u: Any) -> Any:
                return step(weights, head, carried, u)

            return jax.lax.scan(body, (token, h, c), uniforms)[1], h

        return jax.jit(run)
