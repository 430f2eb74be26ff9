//! Devices, and the CUDA part of libtorch found at run time.
//!
//! Invariant: one build serves CPU and GPU. It links the CPU library alone; the CUDA library is opened where it lies
//! beside it, before libtorch first looks for CUDA.

use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tch::{Cuda, Device};

use crate::{Error, guard};

const CPU_LIBRARY: &str = "libtorch_cpu.so";
const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// Opens `libtorch_cuda.so` where it lies beside the loaded `libtorch_cpu.so`; says whether it did.
///
/// libtorch asks once, at its first use, whether CUDA is there, so this comes before anything else of this crate.
/// Later calls return the first one's answer.
///
/// # Errors
/// [`Error::CudaLibrary`] when the library is there and cannot be opened, because a part of CUDA is missing, say.
pub fn load() -> Result<bool, Error> {
    static LOADED: OnceLock<Result<bool, (PathBuf, String)>> = OnceLock::new();
    LOADED
        .get_or_init(|| match beside_cpu_library() {
            Some(path) => open(&path).map(|()| true).map_err(|reason| (path, reason)),
            None => Ok(false),
        })
        .clone()
        .map_err(|(path, reason)| Error::CudaLibrary { path, reason })
}

fn beside_cpu_library() -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let cpu = maps.lines().find(|line| line.ends_with(CPU_LIBRARY))?;
    let path = Path::new(&cpu[cpu.find('/')?..]).with_file_name(CUDA_LIBRARY);
    path.exists().then_some(path)
}

#[expect(unsafe_code, reason = "a library chosen at run time is opened through dlopen")]
fn open(path: &Path) -> Result<(), String> {
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    // SAFETY: the name is a C string; the library is part of the libtorch that is loaded already and is never closed.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
    if !handle.is_null() {
        return Ok(());
    }
    // SAFETY: `dlerror` returns null or a C string that stays valid until this thread's next call of it.
    let message = unsafe {
        let message = libc::dlerror();
        if message.is_null() { None } else { Some(CStr::from_ptr(message).to_string_lossy().into_owned()) }
    };
    Err(message.unwrap_or_else(|| "no reason given".to_owned()))
}

/// The device that `spec` names: `auto` (the first GPU where there is one, else the CPU), `cpu`, `cuda` or `cuda:N`.
///
/// Calls [`load`] first, except for `cpu`.
///
/// # Errors
/// [`Error::UnknownDevice`] for other words, [`Error::NoDevice`] when the GPU that was asked for is not there.
pub fn device(spec: &str) -> Result<Device, Error> {
    let ordinal = match spec {
        "cpu" => return Ok(Device::Cpu),
        "auto" => return Ok(if gpus()? > 0 { Device::Cuda(0) } else { Device::Cpu }),
        "cuda" => 0,
        _ => spec
            .strip_prefix("cuda:")
            .and_then(|ordinal| ordinal.parse::<usize>().ok())
            .ok_or_else(|| Error::UnknownDevice(spec.to_owned()))?,
    };
    let reason = match gpus()? {
        count if ordinal < count => return Ok(Device::Cuda(ordinal)),
        0 if !load()? => format!("this libtorch has no CUDA part ({CUDA_LIBRARY})"),
        0 => "no GPU found".to_owned(),
        1 => "there is 1 GPU, `cuda:0`".to_owned(),
        count => format!("there are {count} GPUs, `cuda:0` to `cuda:{}`", count - 1),
    };
    Err(Error::NoDevice { wanted: spec.to_owned(), reason })
}

fn gpus() -> Result<usize, Error> {
    load()?;
    guard(|| if Cuda::is_available() { usize::try_from(Cuda::device_count()).unwrap_or(0) } else { 0 })
}

/// The class of machines whose results agree bit by bit: libtorch's version, the device's architecture, the number
/// format. Machines of one class that differ in more than this (processors of two makers, say) may still differ in
/// rounding; machines of two classes always may.
pub fn numerics_class(device: Device) -> String {
    let device = match device {
        Device::Cuda(index) => format!("cuda {}", gpu_model(index)),
        _ => format!("cpu {} {}", std::env::consts::ARCH, instruction_set()),
    };
    format!("libtorch {}, {device}, f32", crate::version())
}

/// The widest vector instructions that libtorch and our kernels tell apart.
fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return "avx2";
        }
    }
    "baseline"
}

/// The model as the driver names it; GPUs of one model round alike.
fn gpu_model(index: usize) -> String {
    let mut folders: Vec<_> = std::fs::read_dir("/proc/driver/nvidia/gpus")
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    folders.sort();
    let text = folders.get(index).and_then(|folder| std::fs::read_to_string(folder.join("information")).ok());
    let model = text.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("Model:")));
    model.map_or_else(|| "unknown model".to_owned(), |model| model.trim().to_owned())
}
