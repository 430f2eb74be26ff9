//! The pickle machine: opcodes to values (Python's `pickletools` documents each opcode; protocols 2 to 5).

use rustc_hash::FxHashMap;

use super::global::Global;
use super::value::{Object, Stored, Text, Value};
use crate::error::Reason;
use crate::limits::Limits;

/// A pickle that was read to its end.
pub(crate) struct Pickle<'a> {
    bytes: &'a [u8],
    objects: Vec<Object>,
    pub(crate) root: Value,
    /// Bytes that it took.
    pub(crate) end: usize,
}

impl Pickle<'_> {
    pub(crate) fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(at) => self.objects.get(at),
            _ => None,
        }
    }

    /// The text at a range; `None` where it is not UTF-8.
    pub(crate) fn text(&self, text: Text) -> Option<&str> {
        utf8(self.bytes, text)
    }

    /// Every storage that some tensor views.
    pub(crate) fn storages(&self) -> impl Iterator<Item = &Stored> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(stored) => Some(stored),
            _ => None,
        })
    }
}

/// Reads the pickle at the start of `bytes`.
pub(crate) fn read<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Pickle<'a>, Reason> {
    let bytes = &bytes[..bytes.len().min(u32::MAX as usize)];
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: FxHashMap::default(),
        objects: Vec::new(),
        tensors: 0,
        values: 0,
        limits,
    };
    let root = machine.run()?;
    Ok(Pickle { bytes, objects: machine.objects, root, end: machine.at })
}

pub(super) fn utf8(bytes: &[u8], text: Text) -> Option<&str> {
    std::str::from_utf8(bytes.get(text.start as usize..text.end as usize)?).ok()
}

pub(super) struct Machine<'a> {
    pub(super) bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    /// Heights of the stack at the marks that are open.
    marks: Vec<usize>,
    memo: FxHashMap<u32, Value>,
    objects: Vec<Object>,
    pub(super) tensors: usize,
    values: usize,
    pub(super) limits: &'a Limits,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value, Reason> {
        loop {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Reason> {
        match opcode {
            0x80 => {
                let protocol = self.byte()?;
                if !(2..=5).contains(&protocol) {
                    return Err(Reason::Unsupported(format!(
                        "its pickle has protocol {protocol}; 2 to 5 are read"
                    )));
                }
            }
            0x95 => drop(self.take(8)?),
            b'(' => {
                self.charge(1)?;
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = self.top()?;
                self.push(top)?;
            }
            b'}' => self.make(Object::Dict(Vec::new()))?,
            b']' | b')' => self.make(Object::Sequence(Vec::new()))?,
            b'l' | b't' => {
                let items = self.marked()?;
                self.make(Object::Sequence(items))?;
            }
            0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(opcode) - 0x84);
                let start = start.filter(|&start| start >= self.floor()).ok_or_else(|| self.short())?;
                let items = self.stack.split_off(start);
                self.make(Object::Sequence(items))?;
            }
            b'd' => {
                let items = self.marked()?;
                let pairs = self.pairs(items)?;
                self.make(Object::Dict(pairs))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' => {
                let items = self.marked()?;
                self.extend(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(vec![key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.insert(items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(self.broken("a global without a name"));
                };
                self.global(module, name)?;
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let value = self.call(function, arguments)?;
                self.push(value)?;
            }
            b'b' => {
                // attributes of an OrderedDict (`_metadata`) or of a tensor: nobody asks for them
                self.pop()?;
                self.top()?;
            }
            b'Q' => {
                let value = self.pop()?;
                let stored = self.stored(value)?;
                self.make(Object::Storage(stored))?;
            }
            b'q' | b'r' | 0x94 => self.memorise(opcode)?,
            b'h' | b'j' => {
                let place = if opcode == b'h' { u32::from(self.byte()?) } else { self.u32()? };
                let value = self.memo.get(&place).copied();
                let value = value.ok_or_else(|| self.broken("a reference to nothing"))?;
                self.push(value)?;
            }
            _ => {
                let value = self.literal(opcode)?;
                self.push(value)?;
            }
        }
        Ok(())
    }

    /// Numbers and texts.
    fn literal(&mut self, opcode: u8) -> Result<Value, Reason> {
        Ok(match opcode {
            b'N' => Value::Other,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'G' => {
                self.take(8)?;
                Value::Float
            }
            0x8a => {
                let size = usize::from(self.byte()?);
                self.long(size)?
            }
            0x8b => {
                let size = self.u32()? as usize;
                self.long(size)?
            }
            b'U' | 0x8c => {
                let size = usize::from(self.byte()?);
                Value::Text(self.range(size)?)
            }
            b'T' | b'X' => {
                let size = self.u32()? as usize;
                Value::Text(self.range(size)?)
            }
            0x8d => {
                let size = usize::try_from(u64::from_le_bytes(self.array()?)).unwrap_or(usize::MAX);
                Value::Text(self.range(size)?)
            }
            b'C' => {
                let size = usize::from(self.byte()?);
                self.take(size)?;
                Value::Other
            }
            b'B' => {
                let size = self.u32()? as usize;
                self.take(size)?;
                Value::Other
            }
            _ => {
                let text = format!("opcode {opcode:#04x} at byte {} of its pickle", self.at - 1);
                return Err(Reason::Damaged(text));
            }
        })
    }

    fn long(&mut self, size: usize) -> Result<Value, Reason> {
        let bytes = self.take(size)?;
        if size > 8 {
            return Ok(Value::Other);
        }
        let sign = if bytes.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
        let mut whole = [sign; 8];
        whole[..size].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(whole)))
    }

    fn memorise(&mut self, opcode: u8) -> Result<(), Reason> {
        let place = match opcode {
            b'q' => u32::from(self.byte()?),
            b'r' => self.u32()?,
            _ => self.memo.len() as u32,
        };
        let top = self.top()?;
        self.charge(1)?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn global(&mut self, module: Text, name: Text) -> Result<(), Reason> {
        let (Some(module), Some(name)) = (utf8(self.bytes, module), utf8(self.bytes, name)) else {
            return Err(self.broken("a name that is no UTF-8"));
        };
        let Some(global) = Global::find(module, name) else {
            let whole: String = format!("{module}.{name}").chars().take(200).collect();
            return Err(Reason::Forbidden(whole.escape_debug().to_string()));
        };
        self.push(Value::Global(global))
    }

    fn pairs(&self, items: Vec<Value>) -> Result<Vec<(Value, Value)>, Reason> {
        let (pairs, []) = items.as_chunks::<2>() else {
            return Err(self.broken("a key without a value"));
        };
        Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
    }

    fn extend(&mut self, items: Vec<Value>) -> Result<(), Reason> {
        let list = self.top()?;
        match self.object_mut(list) {
            Some(Object::Sequence(list)) => list.extend(items),
            _ => return Err(self.broken("an item for what is no list")),
        }
        Ok(())
    }

    fn insert(&mut self, items: Vec<Value>) -> Result<(), Reason> {
        let pairs = self.pairs(items)?;
        let dict = self.top()?;
        match self.object_mut(dict) {
            Some(Object::Dict(dict)) => dict.extend(pairs),
            _ => return Err(self.broken("an entry for what is no dict")),
        }
        Ok(())
    }

    pub(super) fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(at) => self.objects.get(at),
            _ => None,
        }
    }

    fn object_mut(&mut self, value: Value) -> Option<&mut Object> {
        match value {
            Value::Object(at) => self.objects.get_mut(at),
            _ => None,
        }
    }

    pub(super) fn sequence(&self, value: Value) -> Result<&[Value], Reason> {
        match self.object(value) {
            Some(Object::Sequence(items)) => Ok(items),
            _ => Err(self.broken("something else where a tuple belongs")),
        }
    }

    fn make(&mut self, object: Object) -> Result<(), Reason> {
        let value = self.place(object)?;
        self.push(value)
    }

    pub(super) fn place(&mut self, object: Object) -> Result<Value, Reason> {
        self.charge(1)?;
        self.objects.push(object);
        Ok(Value::Object(self.objects.len() - 1))
    }

    fn push(&mut self, value: Value) -> Result<(), Reason> {
        self.charge(1)?;
        self.stack.push(value);
        Ok(())
    }

    pub(super) fn charge(&mut self, values: usize) -> Result<(), Reason> {
        self.values = self.values.saturating_add(values);
        if self.values > self.limits.values {
            return Err(Reason::Limit { what: "values in its pickle", limit: self.limits.values });
        }
        Ok(())
    }

    /// The height below which the open mark lies.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Value, Reason> {
        let top = self.stack.last().filter(|_| self.stack.len() > self.floor());
        top.copied().ok_or_else(|| self.short())
    }

    fn pop(&mut self) -> Result<Value, Reason> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// What was pushed since the last mark.
    fn marked(&mut self) -> Result<Vec<Value>, Reason> {
        let mark = self.marks.pop().ok_or_else(|| self.short())?;
        Ok(self.stack.split_off(mark))
    }

    fn byte(&mut self) -> Result<u8, Reason> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Reason> {
        self.array().map(u32::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let rest = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let array = *rest.ok_or_else(|| self.cut())?;
        self.at += N;
        Ok(array)
    }

    fn take(&mut self, size: usize) -> Result<&[u8], Reason> {
        let range = self.range(size)?;
        Ok(&self.bytes[range.start as usize..range.end as usize])
    }

    fn range(&mut self, size: usize) -> Result<Text, Reason> {
        let end = self.at.checked_add(size).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.cut())?;
        let text = Text { start: self.at as u32, end: end as u32 };
        self.at = end;
        Ok(text)
    }

    fn line(&mut self) -> Result<Text, Reason> {
        let rest = &self.bytes[self.at..];
        let size = rest.iter().position(|&byte| byte == b'\n').ok_or_else(|| self.cut())?;
        let text = self.range(size)?;
        self.at += 1;
        Ok(text)
    }

    pub(super) fn broken(&self, what: &str) -> Reason {
        Reason::Damaged(format!("{what}, at byte {} of its pickle", self.at))
    }

    fn short(&self) -> Reason {
        self.broken("an operation without its operands")
    }

    fn cut(&self) -> Reason {
        Reason::Damaged(format!("it ends within its pickle, at byte {}", self.bytes.len()))
    }
}
