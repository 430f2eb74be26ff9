//! Where the LightGBM library is: the places searched, in order.
//!
//! Invariant: nothing here opens a file; the list is a function of the environment and the executable.

use std::path::PathBuf;

/// Environment variable that names the library's file and overrides every other place.
pub(crate) const VARIABLE: &str = "PIPELINE_LIGHTGBM";

#[cfg(target_os = "windows")]
const FILE: &str = "lib_lightgbm.dll";
#[cfg(target_os = "macos")]
const FILE: &str = "lib_lightgbm.dylib";
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const FILE: &str = "lib_lightgbm.so";

/// Folder that a checkout keeps the library in, below its root.
const FOLDER: &str = ".lightgbm/lib";

/// A place to try.
pub(crate) enum Place {
    /// A file that must exist to be tried.
    File(PathBuf),
    /// A name left to the system's loader.
    System(&'static str),
}

/// Every place to try, best first: the variable alone when it is set; else beside the executable and in
/// every folder above it (an installed tree, a checkout's `target/release` and `target/release/deps`), the
/// checkout that built this crate, and last the system's loader.
pub(crate) fn places() -> Vec<Place> {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return vec![Place::File(PathBuf::from(path))];
    }
    let mut places = Vec::new();
    if let Ok(executable) = std::env::current_exe() {
        for (above, folder) in executable.ancestors().skip(1).enumerate() {
            if above == 0 {
                places.push(Place::File(folder.join(FILE)));
            }
            if above <= 1 {
                places.push(Place::File(folder.join("lib").join(FILE)));
            }
            places.push(Place::File(folder.join(FOLDER).join(FILE)));
        }
    }
    let crate_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    if let Some(root) = crate_folder.ancestors().nth(2) {
        places.push(Place::File(root.join(FOLDER).join(FILE)));
    }
    places.push(Place::System(FILE));
    places
}
