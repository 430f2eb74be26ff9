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

    compile(&include);
    println!("cargo::rustc-env=LIBTORCH_VERSION={}", version(&include));
    println!("cargo::metadata=lib={}", lib.display());
    for directory in
        [lib.to_str().expect("the path of libtorch is text"), "$ORIGIN/../lib", "$ORIGIN/../libtorch/lib"]
    {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{directory}");
    }
}

/// The kernels once for each instruction set, chosen from at run time, and the code around them once.
fn compile(include: &Path) {
    println!("cargo::rerun-if-changed=cpp");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let mut levels: Vec<(&str, &[&str])> = vec![("baseline", &[])];
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "x86_64") {
        levels.push(("avx2", &["-mavx2", "-mfma"]));
        levels.push(("avx512", &["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"]));
    }
    let mut library = build();
    for (level, flags) in levels {
        // each in a directory of its own: objects are named after their source
        let mut kernel = build();
        kernel.file("cpp/kernel.cpp").define("RECURRENT_LEVEL", level).out_dir(out.join(level));
        kernel.flags(flags).flag_if_supported("-Wno-psabi");
        library.objects(kernel.compile_intermediates());
    }
    let abi = env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".to_owned());
    library
        .file("cpp/recurrent.cpp")
        .flag("-isystem")
        .flag(include)
        .flag("-isystem")
        .flag(include.join("torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .compile("pipeline_recurrent");
}

/// Optimised in every profile: the kernels are the reason for this code.
fn build() -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(3).debug(false).pic(true);
    build
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
