//! A declared network as libtorch modules; weights in and out.
