"""What a network is worth and what its cells do: measures that know no task."""
