//! A contact sheet of augmented views: `augment PICTURE SHEET.png CHAIN.json`, the chain as a recipe writes it.

use std::error::Error;
use std::path::Path;

use images::{Chain, Limits, Sample, Tile, Transform, read, sheet};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [picture, output, chain] = arguments.as_slice() else {
        return Err("say `augment PICTURE SHEET.png CHAIN.json`".into());
    };
    let transforms: Vec<Transform> = serde_json::from_slice(&std::fs::read(chain)?)?;
    let chain = Chain::new(&transforms).map_err(|problem| format!("{}: {}", problem.at, problem.reason))?;
    let limits = Limits::default();
    let original = read(Path::new(picture), &limits)?;
    let mut tiles = vec![Tile { label: "as it is".to_owned(), picture: original.clone() }];
    for epoch in 0..11 {
        let sample = Sample { seed: 1, epoch, row: 0 };
        let label = format!("epoch {}", epoch + 1);
        tiles.push(Tile { label, picture: chain.apply(original.clone(), sample, picture, &limits)? });
    }
    Ok(std::fs::write(output, sheet(&tiles, 4, 160)?)?)
}
