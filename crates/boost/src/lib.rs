//! The gradient-boosted head: LightGBM and cross-fitted target statistics.
