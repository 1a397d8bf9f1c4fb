//! Runs one step of the pure code a given number of times, to count its instructions: `counted STEP SIZE
//! TIMES`. `cargo xtask bench micro` runs it under callgrind with two values of TIMES, whose difference
//! excludes the set-up.
//!
//! Unlike time, the number of instructions does not depend on load or caches. A step of the fleet must take
//! the same number at 4,000 interfaces as at 10, apart from a deeper tree and hash collisions.

#![expect(clippy::print_stderr, reason = "a command-line program")]

mod scene;

use std::{env, hint::black_box, process::ExitCode};

use autora_common::validate;

use crate::scene::{Scene, advert, interface, solicitation};

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`.
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.is_empty() {
        return ExitCode::SUCCESS;
    }
    let number = |word: &String| word.parse::<u32>().ok();
    if let [step, size, times] = &words[..]
        && let (Some(size), Some(times)) = (number(size), number(times))
        && let Some(mut step) = step_of(step, size)
    {
        (0..times).for_each(|_| step());
        return ExitCode::SUCCESS;
    }
    eprintln!("counted STEP SIZE TIMES, with one of these steps: encode, validate, event, answer");
    ExitCode::FAILURE
}

fn step_of(name: &str, size: u32) -> Option<Box<dyn FnMut()>> {
    Some(match name {
        "encode" => {
            let (advert, mut out) = (advert(), Vec::with_capacity(128));
            Box::new(move || {
                out.clear();
                black_box(&advert).encode(&mut out);
                black_box(out.len());
            })
        }
        "validate" => {
            let packet = solicitation(1);
            Box::new(move || _ = black_box(validate(black_box(&packet[..]))))
        }
        "event" => {
            let (mut scene, new) = (Scene::of(size), interface(size + 1));
            Box::new(move || scene.one_comes_and_goes(&new))
        }
        "answer" => {
            let mut scene = Scene::of(size);
            Box::new(move || scene.one_asks_and_is_answered())
        }
        _ => return None,
    })
}
