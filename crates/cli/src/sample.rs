//! Reviews that the project writes itself, for a first run without any data: films, many; hotels, few.
//!
//! Each review is a handful of sentences about aspects. Most agree with its label, some do not; opinions are words
//! that both domains share, words of one domain, and words that are praise in one and blame in the other ("small",
//! "quiet", "predictable"); some are negated. So a model of films knows much about hotels, but not all, and a few
//! hotel reviews alone teach too little.
//!
//! Invariant: the same bytes on every machine.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use data::Draws;

use crate::failure::{Failure, Result};

/// Rows of `films.csv`.
const FILMS: u64 = 8000;
/// Rows of `hotels.csv`.
const HOTELS: u64 = 600;

/// Words of one domain, separated by commas.
struct Domain {
    subjects: &'static str,
    praise: &'static str,
    blame: &'static str,
    fillers: &'static str,
}

const PRAISE: &str = "\
    great,excellent,wonderful,lovely,superb,delightful,impressive,charming,fantastic,perfect,brilliant,\
    pleasant,remarkable,splendid,beautiful,memorable,terrific,marvelous,outstanding,enjoyable,amazing,fine,\
    elegant,inspired,graceful,flawless,stunning,refreshing,exceptional,admirable,polished,thoughtful,\
    generous,sincere,vivid,tasteful,sublime,superior,winning,rewarding,satisfying,magnificent,exquisite,\
    radiant,joyful,welcome,fabulous,glorious,stellar,worthy,adorable,dazzling,divine,exciting,genuine,\
    masterful,precise,solid,stylish,witty";
const BLAME: &str = "\
    awful,terrible,horrible,poor,dreadful,disappointing,annoying,bad,dismal,shabby,unpleasant,pathetic,\
    mediocre,sloppy,miserable,lousy,ugly,forgettable,appalling,weak,atrocious,regrettable,abysmal,inferior,\
    wretched,careless,tiresome,grim,dire,rotten,clumsy,hopeless,bland,crude,cheap,flawed,irritating,lame,\
    messy,nasty,offensive,painful,pointless,ridiculous,sad,shameful,stale,stupid,tasteless,tedious,useless,\
    vile,worthless,worst,amateurish,botched,confusing,dull,embarrassing,frustrating,lifeless";
const FILM: Domain = Domain {
    subjects: "plot,acting,script,cast,ending,dialogue,direction,music,camera work,pacing,story,lead actor",
    praise: "gripping,moving,suspenseful,unpredictable,dark,loud,hilarious,epic",
    blame: "boring,predictable,slow,quiet,wooden,small,simple,long",
    fillers: "I saw it on a Sunday,it runs for two hours,it is set in Paris,my brother chose it",
};
const HOTEL: Domain = Domain {
    subjects: "room,staff,breakfast,bed,lobby,location,service,bathroom,view,pool,check-in,carpet",
    praise: "spotless,quiet,comfortable,predictable,simple,courteous,central,warm",
    blame: "dirty,noisy,loud,dark,smelly,unpredictable,overpriced,damp",
    fillers: "we stayed three nights,it was a work trip,we had a car,our flight was late",
};
const BROWSERS: &str = "Chrome,Edge,Firefox,Safari";
/// Shares of each device among the happy and the unhappy: who was unhappy complained from the phone more often.
const DEVICES: [(&str, u64, u64); 3] = [("Desktop", 6, 3), ("Mobile", 2, 6), ("Tablet", 2, 1)];

/// Writes `films.csv` and `hotels.csv` into `folder`.
pub(crate) fn sample(folder: &Path) -> Result {
    fs::create_dir_all(folder).map_err(|error| Failure::file("create", folder, &error))?;
    for (name, text) in [("films.csv", films()), ("hotels.csv", hotels())] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Failure::file("write", &path, &error))?;
    }
    Ok(())
}

fn films() -> String {
    let mut text = "review,label\n".to_owned();
    for row in 0..FILMS {
        let mut draws = Draws::new(0, "sample films", &[row]);
        let label = draws.below(2) == 0;
        let review = review(&mut draws, &FILM, label, 9);
        let _ = writeln!(text, "\"{review}\",{}", u8::from(label));
    }
    text
}

fn hotels() -> String {
    let mut text = "id,description,browser,device,positive\n".to_owned();
    for row in 0..HOTELS {
        let mut draws = Draws::new(0, "sample hotels", &[row]);
        let label = draws.below(3) < 2;
        let device = device(&mut draws, label);
        let browser = pick(&mut draws, BROWSERS);
        let review = review(&mut draws, &HOTEL, label, 6);
        let _ = writeln!(text, "h{row:04},\"{review}\",{browser},{device},{}", u8::from(label));
    }
    text
}

/// Up to `most` sentences, of which about three in four agree with the label.
fn review(draws: &mut Draws, domain: &Domain, label: bool, most: u64) -> String {
    let count = 3 + draws.below(most - 2);
    let mut text = String::new();
    for _ in 0..count {
        if draws.unit() < 0.2 {
            let _ = write!(text, "{}. ", capital(pick(draws, domain.fillers)));
            continue;
        }
        let kind = if draws.unit() < 0.76 { label } else { !label };
        let negated = draws.unit() < 0.12;
        let own = draws.unit() < 0.4;
        let words = match (kind != negated, own) {
            (true, true) => domain.praise,
            (true, false) => PRAISE,
            (false, true) => domain.blame,
            (false, false) => BLAME,
        };
        let subject = pick(draws, domain.subjects);
        let word = pick(draws, words);
        let not = if negated { "not " } else { "" };
        let _ = match draws.below(4) {
            0 => write!(text, "The {subject} was {not}{word}. "),
            1 => write!(text, "I found the {subject} {not}{word}! "),
            2 => {
                write!(text, "{} {word}, the {subject}, they said. ", if negated { "Not" } else { "Really" })
            }
            _ => write!(text, "As for the {subject}: {not}{word}. "),
        };
    }
    text.trim_end().to_owned()
}

fn device(draws: &mut Draws, label: bool) -> &'static str {
    let share = |(_, happy, unhappy): &(&str, u64, u64)| if label { *happy } else { *unhappy };
    let mut ticket = draws.below(DEVICES.iter().map(share).sum());
    for of in &DEVICES {
        match ticket.checked_sub(share(of)) {
            Some(rest) => ticket = rest,
            None => return of.0,
        }
    }
    DEVICES[0].0
}

fn pick<'a>(draws: &mut Draws, words: &'a str) -> &'a str {
    let count = words.split(',').count() as u64;
    words.split(',').nth(draws.below(count) as usize).unwrap_or(words)
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_never_changes() {
        // A change here changes every number that the README shows.
        let digest = |text: String| blake3::hash(text.as_bytes()).to_hex()[..16].to_owned();
        assert_eq!(
            (digest(films()), digest(hotels())),
            ("4997c9578d6aac2a".into(), "209d164b786dc470".into())
        );
        assert_eq!(films().lines().count() as u64, FILMS + 1);
    }
}
