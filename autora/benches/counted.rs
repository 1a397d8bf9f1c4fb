//! One step of the pure code so many times and nothing else, for a program that counts instructions:
//! `counted STEP SIZE TIMES`. `cargo xtask bench micro` runs it under callgrind, with two different numbers of times: what
//! comes before the steps is in both.
//!
//! Instructions depend neither on what else the machine does nor on its caches: a step of the fleet must take as many at
//! 4,000 interfaces as at 10, but for a deeper tree and the chances of a hash table.

#![expect(clippy::print_stderr, reason = "a program of its own")]

mod scene;

use std::{env, hint::black_box, process::ExitCode};

use autora_common::validate;

use crate::scene::{Scene, advert, interface, solicitation};

fn main() -> ExitCode {
    // Cargo adds an argument of its own.
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
