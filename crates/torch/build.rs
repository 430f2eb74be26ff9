//! Compiles the fused recurrent kernels against the libtorch that `torch-sys` found, and passes on where it lies.
//!
//! Dependents that make binaries name `rpath.rs` as their build script: a link argument of this script would reach
//! this package's own binaries alone.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    for name in ["LIBTORCH", "LIBTORCH_INCLUDE", "LIBTORCH_LIB", "LIBTORCH_CXX11_ABI"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let lib = PathBuf::from(env::var_os("DEP_TCH_LIBTORCH_LIB").expect("torch-sys tells where libtorch is"));
    let root = lib.parent().expect("libtorch has a root").to_owned();
    let include = env::var_os("LIBTORCH_INCLUDE").map_or(root, PathBuf::from).join("include");

    println!("cargo::rustc-env=LIBTORCH_VERSION={}", version(&include));
    println!("cargo::metadata=lib={}", lib.display());
    for directory in
        [lib.to_str().expect("the path of libtorch is text"), "$ORIGIN/../lib", "$ORIGIN/../libtorch/lib"]
    {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{directory}");
    }
}

/// The version that the headers state, such as `2.11.0`.
fn version(include: &Path) -> String {
    let header = include.join("torch/headeronly/version.h");
    println!("cargo::rerun-if-changed={}", header.display());
    let text = fs::read_to_string(&header).expect("libtorch has a version header");
    let part = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
        line.map(|value| value.trim().to_owned()).expect("the version header has the usual lines")
    };
    ["TORCH_VERSION_MAJOR", "TORCH_VERSION_MINOR", "TORCH_VERSION_PATCH"].map(part).join(".")
}
