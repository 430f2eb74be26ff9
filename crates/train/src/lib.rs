//! Training: loop, optimisers, losses, metrics, checkpoints.
