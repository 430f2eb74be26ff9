//! The functions of LightGBM's C interface that this crate calls, behind safe types. All of the crate's
//! `unsafe` is here.
//!
//! Declarations follow `LightGBM/c_api.h` of version 4. Invariant: a `Dataset` or `Booster` holds a live
//! handle of the library, which is never closed, and frees it once.
#![expect(unsafe_code, reason = "the only way to call a C library; each block states why it is sound")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;

use libloading::Library;

use crate::Error;
use crate::locate::{Place, VARIABLE, places};

const FLOAT32: c_int = 0;
const FLOAT64: c_int = 1;
const ROW_MAJOR: c_int = 1;
const PREDICT_NORMAL: c_int = 0;

type Handle = *mut c_void;

/// The library's functions, by their C signatures.
struct Api {
    get_last_error: unsafe extern "C" fn() -> *const c_char,
    register_log_callback: unsafe extern "C" fn(extern "C" fn(*const c_char)) -> c_int,
    dataset_create_from_mat: unsafe extern "C" fn(
        *const c_void,
        c_int,
        i32,
        i32,
        c_int,
        *const c_char,
        Handle,
        *mut Handle,
    ) -> c_int,
    dataset_set_field: unsafe extern "C" fn(Handle, *const c_char, *const c_void, c_int, c_int) -> c_int,
    dataset_free: unsafe extern "C" fn(Handle) -> c_int,
    booster_create: unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> c_int,
    booster_load_model_from_string: unsafe extern "C" fn(*const c_char, *mut c_int, *mut Handle) -> c_int,
    booster_free: unsafe extern "C" fn(Handle) -> c_int,
    booster_add_valid_data: unsafe extern "C" fn(Handle, Handle) -> c_int,
    booster_update_one_iter: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    booster_get_eval_counts: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    booster_get_eval: unsafe extern "C" fn(Handle, c_int, *mut c_int, *mut f64) -> c_int,
    booster_get_num_classes: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    booster_get_num_feature: unsafe extern "C" fn(Handle, *mut c_int) -> c_int,
    booster_save_model_to_string:
        unsafe extern "C" fn(Handle, c_int, c_int, c_int, i64, *mut i64, *mut c_char) -> c_int,
    booster_feature_importance: unsafe extern "C" fn(Handle, c_int, c_int, *mut f64) -> c_int,
    booster_predict_for_mat: unsafe extern "C" fn(
        Handle,
        *const c_void,
        c_int,
        i32,
        i32,
        c_int,
        c_int,
        c_int,
        c_int,
        *const c_char,
        *mut i64,
        *mut f64,
    ) -> c_int,
}

impl Api {
    /// The functions of an opened library, or the loader's complaint about the first one that is absent.
    fn of(library: &Library) -> Result<Self, libloading::Error> {
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the field's type is this function's signature in c_api.h, version 4; `open` keeps
                // the library loaded for the rest of the process, so the pointer never dangles.
                unsafe { *library.get(concat!("LGBM_", $name, "\0").as_bytes())? }
            };
        }
        Ok(Self {
            get_last_error: function!("GetLastError"),
            register_log_callback: function!("RegisterLogCallback"),
            dataset_create_from_mat: function!("DatasetCreateFromMat"),
            dataset_set_field: function!("DatasetSetField"),
            dataset_free: function!("DatasetFree"),
            booster_create: function!("BoosterCreate"),
            booster_load_model_from_string: function!("BoosterLoadModelFromString"),
            booster_free: function!("BoosterFree"),
            booster_add_valid_data: function!("BoosterAddValidData"),
            booster_update_one_iter: function!("BoosterUpdateOneIter"),
            booster_get_eval_counts: function!("BoosterGetEvalCounts"),
            booster_get_eval: function!("BoosterGetEval"),
            booster_get_num_classes: function!("BoosterGetNumClasses"),
            booster_get_num_feature: function!("BoosterGetNumFeature"),
            booster_save_model_to_string: function!("BoosterSaveModelToString"),
            booster_feature_importance: function!("BoosterFeatureImportance"),
            booster_predict_for_mat: function!("BoosterPredictForMat"),
        })
    }

    /// The error of a call that returned `status`.
    fn check(&self, call: &'static str, status: c_int) -> Result<(), Error> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: the library returns a NUL-terminated string of this thread that lives until its next call.
        let message = unsafe { CStr::from_ptr((self.get_last_error)()) };
        Err(Error::Backend { call, message: message.to_string_lossy().into_owned() })
    }
}

/// Receives what LightGBM would print, and drops it: what matters comes back as an error.
extern "C" fn discard(_message: *const c_char) {}

/// The library, opened on first use and kept for the rest of the process, and silenced on this thread.
fn api() -> Result<&'static Api, Error> {
    static API: OnceLock<Result<Api, Error>> = OnceLock::new();
    let api = API.get_or_init(open).as_ref().map_err(Clone::clone)?;
    // SAFETY: `discard` is a plain function and reads nothing. LightGBM keeps the callback by thread, so
    // each entry registers it.
    api.check("RegisterLogCallback", unsafe { (api.register_log_callback)(discard) })?;
    Ok(api)
}

fn open() -> Result<Api, Error> {
    let mut tried = Vec::new();
    for place in places() {
        let (path, must_open) = match &place {
            Place::File(path) => (path.as_os_str(), path.is_file()),
            Place::System(name) => (std::ffi::OsStr::new(*name), false),
        };
        let shown = path.display().to_string();
        if matches!(place, Place::File(_)) && !must_open {
            tried.push(shown);
            continue;
        }
        // SAFETY: opening runs the library's initialisers; LightGBM's only set up its own tables and the
        // OpenMP runtime.
        let opened = unsafe { Library::new(path) };
        let api = opened.and_then(|library| {
            let api = Api::of(&library)?;
            // Never unloaded: OpenMP's threads may outlive any handle.
            std::mem::forget(library);
            Ok(api)
        });
        match api {
            Ok(api) => return Ok(api),
            Err(error) if must_open => {
                return Err(Error::LibraryUnusable { path: shown, why: error.to_string() });
            }
            Err(_) => tried.push(format!("{shown} (system)")),
        }
    }
    Err(Error::LibraryMissing { variable: VARIABLE, tried })
}

fn c_string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::damaged("it holds a NUL character"))
}

fn c_count(what: &str, count: usize) -> Result<c_int, Error> {
    c_int::try_from(count).map_err(|_| Error::Shape {
        what: format!("{what} (LightGBM's limit)"),
        expected: c_int::MAX as usize,
        found: count,
    })
}

/// `values` as rows of `width`, in the sizes that the C interface takes.
fn c_shape(values: &[f64], width: usize) -> Result<(c_int, c_int), Error> {
    let rows = values.len().checked_div(width).unwrap_or(0);
    let expected = rows * width;
    if expected != values.len() {
        return Err(Error::Shape { what: "values".into(), expected, found: values.len() });
    }
    Ok((c_count("rows", rows)?, c_count("columns", width)?))
}

/// Binned rows and their labels.
pub(crate) struct Dataset {
    api: &'static Api,
    handle: Handle,
}

impl Dataset {
    /// Bins row-major `[rows, width]` values; with `reference`, into that data set's bins.
    pub(crate) fn new(
        values: &[f64],
        width: usize,
        labels: &[f32],
        parameters: &str,
        reference: Option<&Dataset>,
    ) -> Result<Self, Error> {
        let api = api()?;
        let (rows, columns) = c_shape(values, width)?;
        if labels.len() != rows as usize {
            return Err(Error::Shape { what: "labels".into(), expected: rows as usize, found: labels.len() });
        }
        let parameters = c_string(parameters)?;
        let reference = reference.map_or(null_mut(), |dataset| dataset.handle);
        let mut handle = null_mut();
        // SAFETY: `values` holds rows * columns doubles (`c_shape`), which the call copies into bins; the
        // string is NUL-terminated; `reference` is null or a live data set, which is only read.
        let status = unsafe {
            (api.dataset_create_from_mat)(
                values.as_ptr().cast(),
                FLOAT64,
                rows,
                columns,
                ROW_MAJOR,
                parameters.as_ptr(),
                reference,
                &raw mut handle,
            )
        };
        api.check("DatasetCreateFromMat", status)?;
        let dataset = Self { api, handle };
        // SAFETY: the handle is live, and `labels` holds `rows` floats, which the call copies.
        let status = unsafe {
            (api.dataset_set_field)(handle, c"label".as_ptr(), labels.as_ptr().cast(), rows, FLOAT32)
        };
        api.check("DatasetSetField", status)?;
        Ok(dataset)
    }

    /// Sets how much each row weighs; none leaves them alike.
    pub(crate) fn weigh(&mut self, weights: Option<&[f32]>) -> Result<(), Error> {
        let Some(weights) = weights else { return Ok(()) };
        let rows = c_count("rows", weights.len())?;
        // SAFETY: the handle is live, and `weights` holds `rows` floats, which the call copies.
        let status = unsafe {
            let values = weights.as_ptr().cast();
            (self.api.dataset_set_field)(self.handle, c"weight".as_ptr(), values, rows, FLOAT32)
        };
        self.api.check("DatasetSetField", status)
    }
}

impl Drop for Dataset {
    fn drop(&mut self) {
        // SAFETY: the handle is live and no booster uses it: `Training` drops its booster first. The
        // status is of no use: there is nothing to do about a failed free.
        unsafe { (self.api.dataset_free)(self.handle) };
    }
}

/// Trees, growing or grown.
pub(crate) struct Booster {
    api: &'static Api,
    handle: Handle,
}

// SAFETY: a booster's state is its own heap memory; LightGBM ties no part of it to a thread.
unsafe impl Send for Booster {}
// SAFETY: the methods that take `&self` only read; LightGBM guards them by a shared lock of the booster.
unsafe impl Sync for Booster {}

impl Booster {
    /// The booster of a model text that LightGBM wrote. The text must be whole: LightGBM's own parser
    /// trusts the counts in it.
    pub(crate) fn from_text(text: &str) -> Result<Self, Error> {
        let api = api()?;
        let text = c_string(text)?;
        let (mut rounds, mut handle) = (0, null_mut());
        // SAFETY: the string is NUL-terminated and only read; both results are written on success alone.
        let status =
            unsafe { (api.booster_load_model_from_string)(text.as_ptr(), &raw mut rounds, &raw mut handle) };
        api.check("BoosterLoadModelFromString", status)?;
        Ok(Self { api, handle })
    }

    /// Outputs a row, columns.
    pub(crate) fn shape(&self) -> Result<(usize, usize), Error> {
        let (mut outputs, mut columns) = (0, 0);
        // SAFETY: the handle is live; each call writes one int.
        unsafe {
            let status = (self.api.booster_get_num_classes)(self.handle, &raw mut outputs);
            self.api.check("BoosterGetNumClasses", status)?;
            let status = (self.api.booster_get_num_feature)(self.handle, &raw mut columns);
            self.api.check("BoosterGetNumFeature", status)?;
        }
        Ok((usize::try_from(outputs).unwrap_or(0), usize::try_from(columns).unwrap_or(0)))
    }

    /// Outputs `[rows, outputs]` (probabilities, or the mean) of row-major `[rows, columns]` values.
    pub(crate) fn predict(&self, values: &[f64], threads: usize) -> Result<Vec<f64>, Error> {
        // Registers the silence on this thread.
        api()?;
        let (outputs, width) = self.shape()?;
        let (rows, columns) = c_shape(values, width)?;
        let mut predictions = vec![0.0; rows as usize * outputs];
        if predictions.is_empty() {
            return Ok(predictions);
        }
        let parameters = c_string(&format!("num_threads={threads} verbosity=-1"))?;
        let mut written = 0;
        // SAFETY: the handle is live; `values` holds rows * columns doubles; a normal prediction writes
        // `outputs` doubles a row, which is what `predictions` holds.
        let status = unsafe {
            (self.api.booster_predict_for_mat)(
                self.handle,
                values.as_ptr().cast(),
                FLOAT64,
                rows,
                columns,
                ROW_MAJOR,
                PREDICT_NORMAL,
                0,
                -1,
                parameters.as_ptr(),
                &raw mut written,
                predictions.as_mut_ptr(),
            )
        };
        self.api.check("BoosterPredictForMat", status)?;
        Ok(predictions)
    }

    /// For each column, how many splits use it, and what they gained in the loss.
    pub(crate) fn importances(&self) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let importances = |kind| {
            let mut values = vec![0.0; self.shape()?.1];
            // SAFETY: the handle is live, and the call writes one double a column.
            let status =
                unsafe { (self.api.booster_feature_importance)(self.handle, -1, kind, values.as_mut_ptr()) };
            self.api.check("BoosterFeatureImportance", status)?;
            Ok(values)
        };
        Ok((importances(0)?, importances(1)?))
    }

    /// The model text of the first `rounds` rounds.
    fn text(&self, rounds: usize) -> Result<String, Error> {
        let rounds = c_count("rounds", rounds)?;
        let mut buffer = vec![0_u8; 1 << 20];
        loop {
            let mut length = 0;
            let capacity = i64::try_from(buffer.len()).unwrap_or(i64::MAX);
            // SAFETY: the handle is live; the call writes at most `capacity` bytes, and the length it needs.
            let status = unsafe {
                (self.api.booster_save_model_to_string)(
                    self.handle,
                    0,
                    rounds,
                    0,
                    capacity,
                    &raw mut length,
                    buffer.as_mut_ptr().cast(),
                )
            };
            self.api.check("BoosterSaveModelToString", status)?;
            let length = usize::try_from(length).unwrap_or(0);
            if length <= buffer.len() {
                let text = CStr::from_bytes_until_nul(&buffer)
                    .map_err(|_| Error::damaged("LightGBM wrote an endless text"))?;
                return Ok(text.to_string_lossy().into_owned());
            }
            buffer.resize(length, 0);
        }
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle is live and this is its only owner.
        unsafe { (self.api.booster_free)(self.handle) };
    }
}

/// A booster with the data it learns from. Fields drop in this order: the booster refers to the data sets.
pub(crate) struct Training {
    booster: Booster,
    _train: Dataset,
    valid: Option<Dataset>,
}

impl Training {
    /// A booster without trees over data sets that share their bins.
    pub(crate) fn new(train: Dataset, valid: Option<Dataset>, parameters: &str) -> Result<Self, Error> {
        let api = train.api;
        let parameters = c_string(parameters)?;
        let mut handle = null_mut();
        // SAFETY: the data set is live, and outlives the booster (see the type); the string is
        // NUL-terminated.
        let status = unsafe { (api.booster_create)(train.handle, parameters.as_ptr(), &raw mut handle) };
        api.check("BoosterCreate", status)?;
        let booster = Booster { api, handle };
        if let Some(valid) = &valid {
            // SAFETY: as above.
            let status = unsafe { (api.booster_add_valid_data)(handle, valid.handle) };
            api.check("BoosterAddValidData", status)?;
        }
        Ok(Self { booster, _train: train, valid })
    }

    /// Grows one round. False when no split was left to make, and the round added nothing.
    pub(crate) fn grow(&mut self) -> Result<bool, Error> {
        let mut finished = 0;
        // SAFETY: the handle and its data sets are live, and `&mut self` keeps every other user out.
        let status =
            unsafe { (self.booster.api.booster_update_one_iter)(self.booster.handle, &raw mut finished) };
        self.booster.api.check("BoosterUpdateOneIter", status)?;
        Ok(finished == 0)
    }

    /// The metric on the training rows and on the validation rows.
    pub(crate) fn metrics(&self) -> Result<(f64, Option<f64>), Error> {
        let valid = self.valid.is_some().then(|| self.metric(1)).transpose()?;
        Ok((self.metric(0)?, valid))
    }

    fn metric(&self, data: c_int) -> Result<f64, Error> {
        let (api, handle) = (self.booster.api, self.booster.handle);
        let (mut count, mut written) = (0, 0);
        // SAFETY: the handle is live; the call writes one int.
        api.check("BoosterGetEvalCounts", unsafe { (api.booster_get_eval_counts)(handle, &raw mut count) })?;
        let mut values = vec![f64::NAN; usize::try_from(count).unwrap_or(0)];
        // SAFETY: the handle is live; the call writes `count` doubles.
        let status = unsafe { (api.booster_get_eval)(handle, data, &raw mut written, values.as_mut_ptr()) };
        api.check("BoosterGetEval", status)?;
        Ok(values.first().copied().unwrap_or(f64::NAN))
    }

    /// The model text of the first `rounds` rounds.
    pub(crate) fn text(&self, rounds: usize) -> Result<String, Error> {
        self.booster.text(rounds)
    }
}
