//! Files that a recipe names by address, fetched before it is compiled: the compiler reads headers.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use console::style;
use fetch::{Client, News};
use indicatif::{ProgressBar, ProgressStyle};
use plan::Blame;
use recipe::Remote;
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::{print_json, words};

/// Fetches what is missing into the store, one file after the other.
pub(crate) fn fetch(context: &Context, missing: &[Remote]) -> Result {
    let client = Client::default();
    for remote in missing {
        for other in &remote.others {
            let other = other.display();
            writeln!(io::stderr(), "note: `{other}` has another sha256 than `{}`", remote.source)?;
        }
        let name = remote.to.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let watch = Watch::new(context, remote, name);
        let fetched = client.download(&remote.url, &remote.sha256, &remote.to, &mut |news| watch.news(&news));
        watch.end(fetched.is_ok())?;
        fetched.map_err(|error| Failure::new(Blame::Environment, error.to_string()).hint(error.hint()))?;
    }
    Ok(())
}

/// Who reads the news of a download.
struct Watch<'a> {
    json: bool,
    remote: &'a Remote,
    name: String,
    /// On a terminal.
    bar: Option<ProgressBar>,
}

impl<'a> Watch<'a> {
    fn new(context: &Context, remote: &'a Remote, name: String) -> Self {
        let watched = !context.json() && io::stderr().is_terminal();
        let template = "{prefix} {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}";
        let style = ProgressStyle::with_template(template).expect("a template of this program");
        let bar = watched.then(|| {
            let bar = ProgressBar::no_length().with_style(style.progress_chars("━╸─"));
            bar.with_prefix(name.clone())
        });
        Watch { json: context.json(), remote, name, bar }
    }

    fn news(&self, news: &News) {
        match (news, &self.bar) {
            (News::Bytes { done, total }, Some(bar)) => {
                if let Some(total) = total {
                    bar.set_length(*total);
                }
                bar.set_position(*done);
            }
            (News::Bytes { .. }, None) => {}
            (News::Again { why, after }, bar) => {
                let line = format!("{}: {why}; again in {}", self.name, words::seconds(after.as_secs_f64()));
                match bar {
                    Some(bar) => bar.println(line),
                    // Nobody may be listening; the download goes on.
                    None => {
                        let _ = writeln!(io::stderr(), "{line}");
                    }
                }
            }
        }
    }

    fn end(self, fetched: bool) -> Result {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        if !fetched {
            return Ok(());
        }
        let bytes = size(&self.remote.to);
        if self.json {
            let Remote { source, url, sha256, .. } = self.remote;
            return print_json(&json!({
                "event": "fetched", "source": source, "url": url, "sha256": sha256, "bytes": bytes,
            }));
        }
        let mark = style("✓").green();
        Ok(writeln!(io::stderr(), "{mark} {} fetched, {}", self.name, words::bytes(bytes))?)
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
