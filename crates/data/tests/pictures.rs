//! Folders, archives and tables of pictures, encoded and read back. The pictures are those of `images`, whose tests
//! hold what Pillow and torchvision make of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use data::{
    Augment, Dataset, Error, Labels, OnError, PICTURES_FILE, Pictures, Source, Spec, Step, TENSORS_FILE,
    Table, Transform, assign, header_of,
};
use images::{Chain, Limits, Sample};
use serde_json::{Value, json};
use tempfile::TempDir;

const FILES: [(&str, &str); 6] = [
    ("cat/1.jpg", "jpeg.jpg"),
    ("cat/2.jpg", "jpeg-exif-6.jpg"),
    ("cat/deep/3.png", "png-grey-16.png"),
    ("dog/4.webp", "webp.webp"),
    ("dog/5.jpg", "jpeg-cmyk.jpg"),
    ("dog/6.gif", "gif-frames.gif"),
];

fn bytes(file: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/tests/files").join(file)).unwrap()
}

struct Work(TempDir);

impl Work {
    /// The pictures in a folder `p`.
    fn new() -> Self {
        let work = Self(tempfile::tempdir().unwrap());
        for (name, file) in FILES {
            work.put(&format!("p/{name}"), &bytes(file));
        }
        work
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn source(&self, more: Value) -> Source {
        let mut source = json!({ "path": "p", "format": "pictures" });
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        if let Some(folder) = source.pointer_mut("/files/folder") {
            *folder = self.path(folder.as_str().unwrap()).to_str().unwrap().into();
        }
        serde_json::from_value(source).unwrap()
    }

    fn table(&self, source: &Source) -> Result<Table, Error> {
        let paths: Vec<PathBuf> = source.path.iter().map(|path| self.path(path)).collect();
        let table = Table::read_all(&paths, source)?;
        assert_eq!(table.names(), header_of(&paths, source).unwrap());
        Ok(table)
    }

    /// What `preprocess` makes of a source, and how many pictures it skips.
    fn encode(&self, source: &Source, column: &str, chain: &Value) -> Result<(Dataset, usize), Error> {
        let mut table = self.table(source)?;
        let mut parts = assign(&table, source, 0)?;
        let chain: Vec<Step> = serde_json::from_value(chain.clone()).unwrap();
        let spec = Spec {
            columns: [(column.to_owned(), chain)].into(),
            label: Some("label".into()),
            ..Spec::default()
        };
        let out = self.path("out");
        fs::create_dir_all(&out).unwrap();
        let mut told = 0;
        let mut progress = |done: usize| told = done;
        let pictures =
            Pictures::encode(&table, spec.columns.iter(), source.on_error, &out, &mut progress)?.unwrap();
        assert_eq!(told, table.rows());
        table.keep(pictures.rows());
        parts = pictures.rows().iter().map(|&row| parts[row]).collect();
        let skipped = pictures.broken().len();
        let encoded = Transform::fit_apply(None, &table, &parts, &spec, Some("label"))?.1;
        encoded.with_pictures(pictures).write(&out)?;
        Ok((Dataset::open(&out)?, skipped))
    }

    /// The error's message without the folder's name, and its advice.
    fn refused(&self, source: &Source, chain: &Value) -> String {
        let column = source.picture_column().unwrap().to_owned();
        let error = self.encode(source, &column, chain).unwrap_err();
        let says = format!("{error} = {}", error.hint().unwrap_or_default());
        says.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn usual() -> Value {
    json!([{ "resize": 40 }, { "center-crop": 32 }, "rgb", { "normalise": "imagenet" }])
}

/// What the whole chain makes of a picture at once.
fn expected(file: &str, chain: &Value) -> Vec<f32> {
    let chain = Chain::new(&serde_json::from_value::<Vec<_>>(chain.clone()).unwrap()).unwrap();
    let limits = Limits::default();
    let picture = images::decode(&bytes(file), file, &limits).unwrap();
    let sample = Sample { seed: 0, epoch: 0, row: 0 };
    chain.numbers(&chain.apply(picture, sample, file, &limits).unwrap())
}

fn check(dataset: &Dataset, chain: &Value) {
    let rows: Vec<u32> = (0..FILES.len() as u32).collect();
    let batch = dataset.image_batch("image", &rows, None).unwrap().unwrap();
    assert_eq!(batch.shape, [3, 32, 32]);
    for ((_, file), own) in FILES.iter().zip(batch.values.chunks(3 * 32 * 32)) {
        assert_eq!(own, expected(file, chain), "{file}");
    }
    assert_eq!(dataset.label_batch(data::LABEL, &rows).unwrap(), Labels::Class(vec![0, 0, 0, 1, 1, 1]));
}

fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn tar_gz(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(packed);
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        // The crate refuses to write what a hostile archive holds, so the name is put there by hand.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, bytes.as_slice()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

#[test]
fn a_folder_and_its_archives_hold_the_same_pictures() {
    let work = Work::new();
    work.put("p/cat/notes.txt", b"no picture");
    work.put("p/loose.jpg", &bytes("jpeg.jpg"));
    let (dataset, skipped) = work.encode(&work.source(json!({})), "image", &usual()).unwrap();
    assert_eq!((skipped, dataset.rows()), (0, 6));
    check(&dataset, &usual());
    // An archive's own order is not the order of the rows.
    let packed = [4usize, 0, 5, 3, 1, 2].map(|at| (FILES[at].0, bytes(FILES[at].1)));
    work.put("p.zip", &zip(&packed));
    work.put("p.tar.gz", &tar_gz(&packed));
    for path in ["p.zip", "p.tar.gz"] {
        check(&work.encode(&work.source(json!({ "path": path })), "image", &usual()).unwrap().0, &usual());
    }
}

#[test]
fn tables_name_pictures_and_names_say_labels() {
    let work = Work::new();
    let rows: Vec<String> = FILES.iter().map(|(name, _)| format!("{name},{}", &name[..3])).collect();
    work.put("t.csv", format!("image,label\n{}\n", rows.join("\n")).as_bytes());
    let named = json!({
        "path": "t.csv", "format": "csv", "files": { "column": "image", "folder": "p", "content": "picture" },
    });
    check(&work.encode(&work.source(named), "image", &usual()).unwrap().0, &usual());
    let source = work.source(json!({ "label-pattern": "([a-z]+)/.*$" }));
    check(&work.encode(&source, "image", &usual()).unwrap().0, &usual());
    let table = work.table(&work.source(json!({ "label-pattern": r"(\d)\.\w+$" }))).unwrap();
    assert_eq!((0..6).map(|row| table.cell(row, 1)).collect::<String>(), "123456");
    // A filter leaves the pictures of the rows that are left.
    let filtered = work.source(json!({ "where": [{ "column": "file", "matches": "[246]" }] }));
    let (dataset, _) = work.encode(&filtered, "image", &usual()).unwrap();
    let batch = dataset.image_batch("image", &[1], None).unwrap().unwrap();
    assert_eq!(batch.values, expected("webp.webp", &usual()));
}

#[test]
fn broken_pictures_stop_or_are_skipped() {
    let work = Work::new();
    work.put("p/cat/2.jpg", &bytes("cut.jpg"));
    work.put("p/dog/5.jpg", &bytes("page.jpg"));
    let fails = work.refused(&work.source(json!({})), &usual());
    assert_eq!(
        fails,
        "p/cat/2.jpg: the picture is damaged: the JPEG ends before its end mark = \
         on-error = \"skip\" in the source leaves such rows out"
    );
    let skips = work.source(json!({ "on-error": "skip" }));
    let (dataset, skipped) = work.encode(&skips, "image", &usual()).unwrap();
    assert_eq!((skipped, dataset.rows()), (2, 4));
    let rows: Vec<i64> = (0..4).map(|row| dataset.source_row(row)).collect();
    assert_eq!(rows, [0, 2, 3, 5]);
    let last = dataset.image_batch("image", &[3], None).unwrap().unwrap();
    assert_eq!(last.values, expected("gif-frames.gif", &usual()));
    // In a table the cell is to blame, also one that leads out of the folder.
    work.put("t.csv", b"image,label\ncat/1.jpg,a\n../t.csv,b\ncat/9.jpg,b\n");
    let named = |on_error: &str| {
        work.source(json!({
            "path": "t.csv", "format": "csv", "on-error": on_error,
            "files": { "column": "image", "folder": "p", "content": "picture" },
        }))
    };
    let says = work.refused(&named("fail"), &usual());
    assert!(says.starts_with("t.csv:3:1: ../t.csv: the name leads out of the folder = "), "{says}");
    let says = work.refused(&named("skip"), &usual());
    assert!(says.starts_with("t.csv: every training row has the label `a` in column `label` = "), "{says}");
    for (name, _) in FILES {
        work.put(&format!("p/{name}"), b"");
    }
    let says = work.refused(&skips, &usual());
    assert!(
        says.starts_with(
            "p: none of the 6 pictures can be read; the first: p/cat/1.jpg: no picture: JPEG, PNG, GIF, BMP and WebP \
             are read, this is an empty file"
        ),
        "{says}"
    );
}

#[test]
fn folders_that_cannot_be_meant_are_refused() {
    let work = Work::new();
    let source = work.source(json!({}));
    fs::create_dir(work.path("p/bird")).unwrap();
    work.put("p/bird/song.mp3", b"");
    assert_eq!(
        work.refused(&source, &usual()),
        "p/bird: the class's folder holds no picture = put pictures into it (JPEG, PNG, GIF, BMP, WebP), or remove it"
    );
    fs::remove_dir_all(work.path("p/bird")).unwrap();
    fs::remove_dir_all(work.path("p/dog")).unwrap();
    assert_eq!(
        work.refused(&source, &usual()),
        "p: every training row has the label `cat` in column `label` = there is nothing to tell apart: a label needs \
         two classes or more"
    );
    let pattern = work.source(json!({ "label-pattern": "(dog)" }));
    assert!(
        work.refused(&pattern, &usual()).starts_with("p: `label-pattern` finds no label in `cat/1.jpg` = ")
    );
    fs::remove_dir_all(work.path("p/cat")).unwrap();
    assert!(work.refused(&source, &usual()).starts_with("p: no class folder in it holds a picture"));
    work.put("slip.zip", &zip(&[("a/1.jpg", bytes("jpeg.jpg")), ("../b/2.jpg", bytes("jpeg.jpg"))]));
    work.put("slip.tar.gz", &tar_gz(&[("a/1.jpg", bytes("jpeg.jpg")), ("../b/2.jpg", bytes("jpeg.jpg"))]));
    for path in ["slip.zip", "slip.tar.gz"] {
        let says = work.refused(&work.source(json!({ "path": path })), &usual());
        assert!(
            says.starts_with(&format!("{path}: the file `../b/2.jpg` leads out of the archive")),
            "{says}"
        );
    }
}

#[test]
fn bombs_are_stopped_by_limits() {
    let work = Work::new();
    work.put("p/cat/1.jpg", &bytes("bomb.png"));
    let says = work.refused(&work.source(json!({})), &usual());
    assert!(
        says.starts_with("p/cat/1.jpg: 3600000000 pixels, more than the limit of 128000000 = "),
        "{says}"
    );
    let zeros = vec![0; 1 << 20];
    work.put("bomb.tar.gz", &tar_gz(&[("a/1.jpg", zeros.clone()), ("b/2.jpg", zeros)]));
    let source = work.source(json!({ "path": "bomb.tar.gz", "unpacked-limit": 100_000 }));
    let says = work.refused(&source, &usual());
    assert!(says.starts_with("bomb.tar.gz: the file unpacks to more than 100000 bytes = "), "{says}");
}

#[test]
fn pictures_of_one_column_end_alike() {
    let work = Work::new();
    let source = work.source(json!({}));
    assert_eq!(
        work.refused(&source, &json!([{ "resize": 32 }, "rgb"])),
        "column `image`: p/cat/2.jpg becomes [3, 44, 32], p/cat/1.jpg [3, 32, 44] (channels, height, width) = \
         a batch has one size: end with { center-crop = 224 }, or resize = { height = 224, width = 224 }"
    );
    let says = work.refused(&source, &json!([{ "resize": 40 }, { "center-crop": 32 }]));
    assert!(
        says.contains("p/cat/deep/3.png becomes [1, 32, 32], p/cat/1.jpg [3, 32, 32]")
            && says.ends_with("put \"rgb\" or \"grey\" into the chain, so that all have as many channels"),
        "{says}"
    );
    let says =
        work.refused(&source, &json!([{ "resize": 40 }, { "center-crop": 32 }, { "normalise": "imagenet" }]));
    assert!(says.starts_with("column `image`: normalise has 3 means for 1 channels"), "{says}");
}

#[test]
fn augmentation_sees_the_picture_before_the_crop() {
    let work = Work::new();
    let (dataset, _) = work.encode(&work.source(json!({})), "image", &usual()).unwrap();
    let kept = dataset.picture("image", 0).unwrap();
    // The shorter side of 38 x 53 pixels becomes 40; the crop to 32 waits.
    assert_eq!((kept.height(), kept.width(), kept.channels()), (40, 55, 3));
    // Grey pictures are kept grey.
    assert_eq!(dataset.picture("image", 2).unwrap().channels(), 1);
    let turned: Vec<images::Transform> =
        serde_json::from_value(json!([{ "horizontal-flip": 1.0 }, { "rotate": 30 }])).unwrap();
    let chain = Chain::new(&turned).unwrap();
    let batch = |epoch| {
        let augment = Augment { chain: &chain, seed: 5, epoch };
        dataset.image_batch("image", &[0, 3], Some(augment)).unwrap().unwrap()
    };
    assert_eq!(batch(1), batch(1));
    assert_ne!(batch(1), batch(2));
    assert_eq!(batch(1).shape, [3, 32, 32]);
    // A row is drawn for alike in whichever batch it is.
    let alone = dataset.image_batch("image", &[3], Some(Augment { chain: &chain, seed: 5, epoch: 1 }));
    assert_eq!(alone.unwrap().unwrap().values, batch(1).values[3 * 32 * 32..]);
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let work = Work::new();
    work.put("p/cat/2.jpg", &bytes("cut.jpg"));
    let source = Source { on_error: OnError::Skip, ..work.source(json!({})) };
    let mut files = Vec::new();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| work.encode(&source, "image", &usual()).map(drop)).unwrap();
        files.push([PICTURES_FILE, TENSORS_FILE].map(|name| fs::read(work.path("out").join(name)).unwrap()));
    }
    assert_eq!(files[0], files[1]);
    // A file that was cut short is refused when the data set is opened.
    fs::write(work.path("out").join(PICTURES_FILE), &files[0][0][..files[0][0].len() - 1]).unwrap();
    assert!(Dataset::open(&work.path("out")).is_err());
}

/// The numbers of a row with levels as they are.
fn levels(dataset: &Dataset, row: u32) -> Vec<f32> {
    dataset.image_batch("image", &[row], None).unwrap().unwrap().values
}

#[test]
fn tables_hold_pixels_themselves() {
    let work = Work::new();
    let pixels = |height: u32, width: u32, channels: u32| {
        json!({
            "path": "t.csv", "format": "csv",
            "pixels": { "columns": r"p\d", "height": height, "width": width, "channels": channels },
        })
    };
    let plain = json!([{ "rescale": { "scale": 1.0 } }]);
    work.put("t.csv", b"p0,p1,label,p2,p3,p4,p5\n0,64,a,128,255,1,2\n255,128,b,64,0.0,3,4\n");
    let (dataset, _) = work.encode(&work.source(pixels(2, 3, 1)), "image", &plain).unwrap();
    assert_eq!(levels(&dataset, 0), [0.0, 64.0, 128.0, 255.0, 1.0, 2.0]);
    // The channels of a pixel stand together in the table, and apart in a batch.
    let (dataset, _) = work.encode(&work.source(pixels(1, 2, 3)), "image", &plain).unwrap();
    assert_eq!(levels(&dataset, 1), [255.0, 0.0, 128.0, 3.0, 64.0, 4.0]);
    let mut filtered = pixels(2, 3, 1);
    filtered["where"] = json!([{ "column": "label", "one-of": ["b"] }]);
    let table = work.table(&work.source(filtered)).unwrap();
    assert_eq!((table.rows(), table.cell(0, 7)), (1, "1"));
    let paths = [work.path("t.csv")];
    let error = header_of(&paths, &work.source(pixels(2, 2, 1))).unwrap_err();
    assert!(error.to_string().ends_with(r"6 columns match `p\d`, and a picture has 4 numbers"), "{error}");
    for (cell, line) in [("256", 2), ("-1", 3), ("0.5", 3), ("", 2)] {
        let mut rows = ["0,0,a,0,0,0,0".to_owned(), "0,0,b,0,0,0,0".to_owned()];
        rows[line - 2] = format!("0,0,a,0,{cell},0,0");
        work.put("t.csv", format!("p0,p1,label,p2,p3,p4,p5\n{}\n", rows.join("\n")).as_bytes());
        let says = work.refused(&work.source(pixels(2, 3, 1)), &plain);
        assert!(
            says.starts_with(&format!("t.csv:{line}:9: `{cell}` in column `p3` is not a level")),
            "{says}"
        );
    }
}

#[test]
fn idx_files_are_pictures_and_labels() {
    let work = Work::new();
    let pictures = |count: u8| {
        let head = [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 2];
        [head.as_slice(), &(0..2 * count).collect::<Vec<u8>>()].concat()
    };
    let labels = |labels: &[u8]| [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8], labels].concat();
    work.put("a-images", &pictures(3));
    work.put("a-labels", &labels(&[7, 3, 7]));
    work.put("b-images", &pictures(2));
    work.put("b-labels", &labels(&[3, 3]));
    let plain = json!([{ "rescale": { "scale": 1.0 } }]);
    let source = |paths: &[&str]| work.source(json!({ "path": paths, "format": "idx" }));
    let all = source(&["a-images", "a-labels", "b-images", "b-labels"]);
    let (dataset, _) = work.encode(&all, "image", &plain).unwrap();
    assert_eq!(
        (dataset.rows(), levels(&dataset, 1), levels(&dataset, 4)),
        (5, vec![2.0, 3.0], vec![2.0, 3.0])
    );
    // The classes are 3 and 7.
    assert_eq!(
        dataset.label_batch(data::LABEL, &[0, 1, 2, 3, 4]).unwrap(),
        Labels::Class(vec![1, 0, 1, 0, 0])
    );
    assert_eq!(work.table(&source(&["a-images"])).unwrap().names(), ["image"]);
    let says = |paths: &[&str]| work.refused(&source(paths), &plain);
    assert!(
        says(&["a-labels", "a-images"])
            .starts_with("a-labels: files of pictures and of labels do not come in turn")
    );
    assert!(
        says(&["a-images", "a-labels", "b-images"]).starts_with("b-images: files of pictures and of labels")
    );
    assert!(says(&["a-images", "b-labels"]).starts_with("b-labels: 2 labels for 3 pictures"));
    work.put("c-images", &pictures(3)[..18]);
    assert!(
        says(&["c-images", "a-labels"]).starts_with("c-images: the IDX file says [3, 1, 2] and has 2 bytes")
    );
}
