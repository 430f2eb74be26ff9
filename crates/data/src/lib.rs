//! Sources, splits, fitted transforms, encoded data sets and batches; no libtorch.
