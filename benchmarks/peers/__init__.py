"""Programs that are measured, each in a process of its own; `benchmarks.turns` talks to them."""
