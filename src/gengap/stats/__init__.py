"""Statistics of curves, rows and learning curves. Nothing here knows what a study is."""
