"""Series of numbers: forecasting, integer sequences, classification."""
