//! Times reading pictures: `decode FOLDER [THREADS] [ROUNDS]` decodes and resizes every file below FOLDER to 224 x 224.
#![expect(clippy::print_stdout, reason = "the program's whole duty is to print")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use images::{Chain, Interpolation, Limits, Resize, Sample, Short, Transform, read};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("say `decode FOLDER [THREADS] [ROUNDS]`")?;
    let number = |at: usize, default: usize| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (threads, rounds) = (number(1, 1)?, number(2, 5)?);
    let mut paths = Vec::new();
    walk(Path::new(folder), &mut paths)?;
    paths.sort();
    let resize = Transform::Resize(Short::Table(Resize {
        shorter: None,
        height: Some(224),
        width: Some(224),
        interpolation: Interpolation::Bilinear,
    }));
    let chain = Chain::new(&[resize]).map_err(|problem| problem.reason)?;
    let limits = Limits::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    for _ in 0..rounds {
        let start = Instant::now();
        let numbers = |path: &PathBuf| -> Result<f64, images::Error> {
            let sample = Sample { seed: 0, epoch: 0, row: 0 };
            let picture = chain.apply(read(path, &limits)?, sample, &path.display().to_string(), &limits)?;
            Ok(f64::from(chain.numbers(&picture.to_rgb()).iter().sum::<f32>()))
        };
        let sums: Result<Vec<f64>, images::Error> = pool.install(|| paths.par_iter().map(numbers).collect());
        let sum: f64 = sums?.iter().sum();
        let seconds = start.elapsed().as_secs_f64();
        println!("{} pictures, {:.1} a second, sum {sum:.0}", paths.len(), paths.len() as f64 / seconds);
    }
    Ok(())
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), std::io::Error> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
