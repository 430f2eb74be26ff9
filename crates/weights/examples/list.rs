//! Lists a weight file: `list FILE` prints name, type, shape and, for `f32`, the sum of every tensor.
#![expect(clippy::print_stdout, reason = "the program's whole duty is to print")]

use std::error::Error;
use std::path::Path;

use weights::{Dtype, Options, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("say `list FILE`")?;
    let weights = Weights::open(Path::new(&path), &Options::default())?;
    for (name, tensor) in weights.iter() {
        let bytes = tensor.bytes();
        let numbers = bytes.as_chunks::<4>().0.iter().map(|item| f64::from(f32::from_le_bytes(*item)));
        let sum = if tensor.dtype() == Dtype::F32 { numbers.sum() } else { 0.0 };
        println!("{name} {} {:?} {sum:.6}", tensor.dtype().name(), tensor.shape());
    }
    Ok(())
}
