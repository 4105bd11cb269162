"""A toy simulation of the physics behind the HIGGS data."""
