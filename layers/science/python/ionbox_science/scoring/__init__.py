"""What was measured of an ion: its images, its metrics, its false discovery rate."""
