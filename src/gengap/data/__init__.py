"""Where rows come from and how they become arrays: sources, the collider simulation, the split."""
