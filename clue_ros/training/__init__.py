"""Training on the engine's own code paths: backbone, detector, decoder and joint."""
