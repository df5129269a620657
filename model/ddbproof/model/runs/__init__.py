"""Small running systems over the kernels, which record what they do so that it can be replayed."""
