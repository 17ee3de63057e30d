"""What things are, as data: no files, clocks, sockets or global state.

Axis letters in array maths, everywhere: `T` time, `B` batch, `F` input features, `E` embedding,
`H` hidden size, `G` gates of the cell, `P` sigmoid gates among them, `V` vocabulary, `L` layers.
Arrays are time-major, [T, B, features].
"""
