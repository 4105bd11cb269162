"""What people see of a study: its summary, pictures, TensorBoard logs and the terminal."""
