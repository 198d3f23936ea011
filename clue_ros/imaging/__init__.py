"""Pictures as uint8 RGB (H, W, 3): files in and out, overlays, contact sheets."""
