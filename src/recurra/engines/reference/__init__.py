"""The LSTM of the papers, forward and backward by hand in NumPy: the truth for every engine.

Read `lstm.py` first (one step and its gradient), then `layer.py` (through time), `network.py`
(input, stack, head and loss) and `optimisers.py`.
"""

from recurra.engines.reference.engine import ReferenceEngine
from recurra.engines.reference.network import ReferenceNetwork

__all__ = ["ReferenceEngine", "ReferenceNetwork"]
