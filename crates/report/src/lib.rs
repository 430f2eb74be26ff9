//! Recorded numbers to pictures: scatter, bars, curves as SVG and PNG.
