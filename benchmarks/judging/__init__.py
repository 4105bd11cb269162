"""The verdict benchmark's parts: curves of known truth, the peers that judge them too, and the scores."""
