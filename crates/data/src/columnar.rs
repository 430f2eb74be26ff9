//! Tables of typed columns: Parquet and Arrow IPC, whose values become cells of text.
//!
//! Invariant: a value's text reads back as the value; what has none (null, a number that is none) is an empty cell.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufReader, Cursor, Read, Seek};
use std::ops::Range;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatchReader};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::reader::ChunkReader;
use rayon::prelude::*;

use crate::builder::{Builder, Column, Rows};
use crate::cell_type::CellType;
use crate::date;
use crate::error::Error;
use crate::fence::fenced;
use crate::packed::Item;
use crate::source::{Format, Source};
use crate::table::unknown_column;

/// Rows that are decoded at once.
const BATCH: usize = 8192;

/// The names of a file's columns, or those of them that the source names.
pub(crate) fn header(item: &Item, source: &Source, format: Format) -> Result<Vec<String>, Error> {
    answered(&item.shown(), || {
        let (schema, wanted) = schema(item, source, format)?;
        Ok(wanted.into_iter().map(|at| schema.field(at).name().clone()).collect())
    })
}

/// A file's schema, and which of its columns are wanted.
fn schema(item: &Item, source: &Source, format: Format) -> Result<(SchemaRef, Vec<usize>), Error> {
    let path = item.shown();
    let schema = match format {
        Format::Parquet => match item.plain()? {
            Some(file) => parquet_metadata(&file, &path)?.schema().clone(),
            None => parquet_metadata(&Bytes::from(item.bytes(source)?), &path)?.schema().clone(),
        },
        _ => batches(item, source)?.schema(),
    };
    let wanted = wanted(&path, source, &schema)?;
    Ok((schema, wanted))
}

/// The types of a file's columns, or of those of them that the source names.
pub(crate) fn types(
    item: &Item,
    source: &Source,
    format: Format,
) -> Result<BTreeMap<String, CellType>, Error> {
    let of = |field: &Field| if field.data_type().is_numeric() { CellType::Number } else { CellType::Text };
    answered(&item.shown(), || {
        let (schema, wanted) = schema(item, source, format)?;
        let fields = wanted.iter().map(|at| schema.field(*at));
        Ok(fields.map(|field| (field.name().clone(), of(field))).collect())
    })
}

/// Reads a whole file's rows into the table; columns of Parquet at the same time.
pub(crate) fn read(item: &Item, source: &Source, format: Format, table: &mut Builder) -> Result<(), Error> {
    answered(&item.shown(), || rows(item, source, format, table))
}

/// The decoders panic on some damaged files; that is an answer too.
fn answered<T>(path: &Path, decode: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    fenced(decode).unwrap_or_else(|reason| Err(bad(path, &reason)))
}

fn rows(item: &Item, source: &Source, format: Format, table: &mut Builder) -> Result<(), Error> {
    let path = item.shown();
    let rows = match format {
        Format::Parquet => parquet_rows(item, source, table)?,
        _ => {
            let reader = batches(item, source)?;
            let schema = reader.schema();
            let wanted = wanted(&path, source, &schema)?;
            table.file(item, format, wanted.iter().map(|at| schema.field(*at).name().clone()).collect())?;
            let mut rows = Rows::new(wanted.len());
            for batch in reader {
                let batch = batch.map_err(|error| bad(&path, &error))?;
                let before = rows.starts.len() as u64;
                rows.starts.extend(before..before + batch.num_rows() as u64);
                rows.columns.par_iter_mut().zip(&wanted).try_for_each(|(column, at)| {
                    let name = schema.field(*at).name();
                    push(batch.column(*at), Some(source), column)
                        .map_err(|kind| unreadable(&path, name, &kind))
                })?;
            }
            rows
        }
    };
    table.append_last(rows);
    Ok(())
}

fn parquet_rows(item: &Item, source: &Source, table: &mut Builder) -> Result<Rows, Error> {
    let path = item.shown();
    let bytes = Bytes::from(item.bytes(source)?);
    let metadata = parquet_metadata(&bytes, &path)?;
    let schema = metadata.schema().clone();
    let wanted = wanted(&path, source, &schema)?;
    table.file(item, Format::Parquet, wanted.iter().map(|at| schema.field(*at).name().clone()).collect())?;
    // A table often has one wide column of text, so row groups are decoded at the same time as well.
    let read = |at: usize, group: usize| {
        let name = schema.field(at).name();
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone());
        let mask = ProjectionMask::roots(metadata.parquet_schema(), [at]);
        let reader =
            builder.with_projection(mask).with_row_groups(vec![group]).with_batch_size(BATCH).build();
        let mut column = Column::default();
        for batch in reader.map_err(|error| bad(&path, &error))? {
            let batch = batch.map_err(|error| bad(&path, &error))?;
            push(batch.column(0), Some(source), &mut column)
                .map_err(|kind| unreadable(&path, name, &kind))?;
        }
        Ok(column)
    };
    let groups = metadata.metadata().num_row_groups();
    let whole = |at: &usize| {
        let parts = (0..groups).into_par_iter().map(|group| answered(&path, || read(*at, group)));
        let mut column = Column::default();
        parts.collect::<Result<Vec<Column>, Error>>()?.into_iter().for_each(|part| column.append(part));
        Ok(column)
    };
    let columns: Vec<Column> = wanted.par_iter().map(whole).collect::<Result<_, Error>>()?;
    let rows = metadata.metadata().file_metadata().num_rows();
    Ok(Rows { columns, starts: (0..rows.unsigned_abs()).collect() })
}

/// What the end of a Parquet file says of it.
fn parquet_metadata(input: &impl ChunkReader, path: &Path) -> Result<ArrowReaderMetadata, Error> {
    if input.len() == 0 {
        return Err(Error::Empty { path: path.into() });
    }
    ArrowReaderMetadata::load(input, ArrowReaderOptions::new()).map_err(|error| bad(path, &error))
}

trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// The record batches of an Arrow file or stream.
fn batches(item: &Item, source: &Source) -> Result<Box<dyn RecordBatchReader>, Error> {
    let path = item.shown();
    let input: Box<dyn ReadSeek> = match item.plain()? {
        Some(file) => Box::new(BufReader::new(file)),
        None => Box::new(Cursor::new(item.bytes(source)?)),
    };
    let start = item.start(source, 6)?;
    if start.is_empty() {
        return Err(Error::Empty { path });
    }
    if start == b"ARROW1" {
        Ok(Box::new(FileReader::try_new(input, None).map_err(|error| bad(&path, &error))?))
    } else {
        Ok(Box::new(StreamReader::try_new(input, None).map_err(|error| bad(&path, &error))?))
    }
}

/// The indices of the columns that the source names, or of all.
fn wanted(path: &Path, source: &Source, schema: &Schema) -> Result<Vec<usize>, Error> {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    match &source.columns {
        None => Ok((0..names.len()).collect()),
        Some(columns) => columns
            .iter()
            .map(|wanted| {
                names
                    .iter()
                    .position(|name| name == wanted)
                    .ok_or_else(|| unknown_column(path, wanted, &names))
            })
            .collect(),
    }
}

fn bad(path: &Path, error: &impl ToString) -> Error {
    let error = error.to_string();
    // Arrow's own decompression trusts the sizes that a file claims, and would end the process for a damaged one.
    if error.contains("IPC decompression requires") {
        return Error::PackedInside { path: path.into() };
    }
    Error::Packed { path: path.into(), reason: format!("the file is damaged: {error}") }
}

fn unreadable(path: &Path, column: &str, kind: &DataType) -> Error {
    Error::ColumnKind { path: path.into(), column: column.into(), kind: kind.to_string() }
}

/// Adds an array's values as cells, which the source may take for nothing known; a type that has no text is the error.
fn push(array: &dyn Array, source: Option<&Source>, column: &mut Column) -> Result<(), DataType> {
    let mut into = Cells { source, column };
    match array.data_type() {
        DataType::Utf8 => into.texts(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => into.texts(array.as_string::<i64>().iter()),
        DataType::Utf8View => into.texts(array.as_string_view().iter()),
        DataType::Null => into.texts((0..array.len()).map(|_| None)),
        DataType::Boolean => {
            into.texts(array.as_boolean().iter().map(|value| Some(if value? { "true" } else { "false" })));
        }
        DataType::Int8 => into.values::<Int8Type>(array),
        DataType::Int16 => into.values::<Int16Type>(array),
        DataType::Int32 => into.values::<Int32Type>(array),
        DataType::Int64 => into.values::<Int64Type>(array),
        DataType::UInt8 => into.values::<UInt8Type>(array),
        DataType::UInt16 => into.values::<UInt16Type>(array),
        DataType::UInt32 => into.values::<UInt32Type>(array),
        DataType::UInt64 => into.values::<UInt64Type>(array),
        DataType::Float32 => into.values::<Float32Type>(array),
        DataType::Float64 => into.values::<Float64Type>(array),
        DataType::Date32 => into.times::<Date32Type>(array, |days| date::day(days.into())),
        DataType::Date64 => {
            into.times::<Date64Type>(array, |millis| date::day(millis.div_euclid(86_400_000)))
        }
        DataType::Timestamp(unit, zone) => {
            let zone = if zone.is_some() { "Z" } else { "" };
            match unit {
                TimeUnit::Second => into.times::<TimestampSecondType>(array, |at| date::moment(at, 0, zone)),
                TimeUnit::Millisecond => {
                    into.times::<TimestampMillisecondType>(array, |at| date::moment(at, 3, zone));
                }
                TimeUnit::Microsecond => {
                    into.times::<TimestampMicrosecondType>(array, |at| date::moment(at, 6, zone));
                }
                TimeUnit::Nanosecond => {
                    into.times::<TimestampNanosecondType>(array, |at| date::moment(at, 9, zone));
                }
            }
        }
        DataType::Decimal128(..) => {
            let array = array.as_primitive::<Decimal128Type>();
            let text = |row| (!array.is_null(row)).then(|| array.value_as_string(row));
            (0..array.len()).for_each(|row| into.cell(&text(row).unwrap_or_default()));
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let mut values = Column::default();
            push(dictionary.values(), None, &mut values)?;
            for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
                into.cell(if array.is_null(row) { "" } else { values.cell(key) });
            }
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let ends = lists.offsets().windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
            into.lists(array, lists.values(), ends)?;
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            let ends = lists.offsets().windows(2).map(|ends| ends[0] as usize..ends[1] as usize);
            into.lists(array, lists.values(), ends)?;
        }
        DataType::FixedSizeList(_, size) => {
            let (lists, size) = (array.as_fixed_size_list(), *size as usize);
            into.lists(array, lists.values(), (0..array.len()).map(|row| row * size..(row + 1) * size))?;
        }
        other => return Err(other.clone()),
    }
    Ok(())
}

/// A column that values become cells of.
struct Cells<'a> {
    source: Option<&'a Source>,
    column: &'a mut Column,
}

impl Cells<'_> {
    fn cell(&mut self, cell: &str) {
        self.column.push(self.source.map_or(cell, |source| source.known(cell)));
    }

    /// Lists of values with a blank between two; lists of lists have no text.
    fn lists(
        &mut self,
        array: &dyn Array,
        values: &dyn Array,
        ends: impl Iterator<Item = Range<usize>>,
    ) -> Result<(), DataType> {
        let mut cells = Column::default();
        match values.data_type() {
            DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
                return Err(array.data_type().clone());
            }
            _ => push(values, None, &mut cells).map_err(|_| array.data_type().clone())?,
        }
        for (row, own) in ends.enumerate() {
            let own: Vec<&str> = own.filter(|_| !array.is_null(row)).map(|at| cells.cell(at)).collect();
            self.cell(&own.join(" "));
        }
        Ok(())
    }

    fn texts<'v>(&mut self, values: impl Iterator<Item = Option<&'v str>>) {
        values.for_each(|value| self.cell(value.unwrap_or("")));
    }

    /// Numbers in the shortest decimals that read back as they are.
    fn values<T: ArrowPrimitiveType<Native: std::fmt::Display>>(&mut self, array: &dyn Array) {
        let mut text = String::new();
        for value in array.as_primitive::<T>() {
            text.clear();
            if let Some(value) = value {
                write!(text, "{value}").expect("a string takes all text");
            }
            self.cell(if text == "NaN" { "" } else { &text });
        }
    }

    fn times<T: ArrowPrimitiveType>(&mut self, array: &dyn Array, text: impl Fn(T::Native) -> String) {
        array.as_primitive::<T>().iter().for_each(|value| self.cell(&value.map(&text).unwrap_or_default()));
    }
}
