//! The build script of every package that makes binaries on top of `torch`: tells them where libtorch lies.
//!
//! Named by `build = "../torch/rpath.rs"` in the manifest of a package that depends on `torch` directly.
#![expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo::rerun-if-env-changed=DEP_PIPELINE_TORCH_LIB");
    let lib = std::env::var("DEP_PIPELINE_TORCH_LIB").expect("the package depends on `torch` directly");
    for directory in [lib.as_str(), "$ORIGIN/../lib", "$ORIGIN/../libtorch/lib"] {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{directory}");
    }
}
