"""Music: tunes, chorales and performances as sequences of tokens, composed and rendered."""
