"""A curator's side: what is wrong in a catalogue, what it lacks, what belongs together."""
