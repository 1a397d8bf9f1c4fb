//! The cost of encoding an RA, validating a packet and a step of the fleet. `cargo xtask bench micro` runs it.
//!
//! A step of the fleet must cost the same at 10 and at 4,000 members, apart from a deeper tree and colder caches.
//! Claims, and the notes beside them, are the one step here that uses a file: its cost is that of a start.

mod scene;

use std::{hint::black_box, io, path::Path};

use autora::{
    addr::IfIndex,
    engine::handover::{Advertised, Ending, SavedInterface, SavedUpdate},
    sys::claims::Claims,
};
use autora_common::validate;
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};

use crate::scene::{START, Scene, advert, interface, solicitation};

/// Numbers of interfaces at which a step of the fleet is measured.
const SIZES: [u32; 4] = [10, 100, 1_000, 4_000];

fn encode(c: &mut Criterion) {
    let advert = advert();
    let mut out = Vec::with_capacity(128);
    c.bench_function("RA encode", |b| {
        b.iter(|| {
            out.clear();
            black_box(&advert).encode(&mut out);
            black_box(out.len())
        });
    });
}

fn validation(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate");
    for options in [0, 1, 16] {
        let packet = solicitation(options);
        assert!(validate(&packet[..]).is_ok(), "a valid solicitation");
        group.bench_with_input(BenchmarkId::new("options", options), &packet, |b, packet| {
            b.iter(|| validate(black_box(&packet[..])));
        });
    }
    group.finish();
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("fleet");
    for size in SIZES {
        group.bench_function(BenchmarkId::new("first resync", size), |b| {
            let all: Vec<_> = (1..=size).map(interface).collect();
            b.iter_batched(|| (all.clone(), Scene::empty()), |(all, scene)| scene.with(all), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("resync, nothing new", size), |b| {
            let all: Vec<_> = (1..=size).map(interface).collect();
            let mut scene = Scene::empty().with(all.clone());
            b.iter_batched(|| all.clone(), |all| scene.fleet.reconcile_all(all, START), BatchSize::LargeInput);
        });
        group.bench_function(BenchmarkId::new("one comes and goes", size), |b| {
            let mut scene = Scene::of(size);
            let new = interface(size + 1);
            b.iter(|| scene.one_comes_and_goes(&new));
        });
        group.bench_function(BenchmarkId::new("one asks and is answered", size), |b| {
            let mut scene = Scene::of(size);
            b.iter(|| scene.one_asks_and_is_answered());
        });
    }
    group.finish();
}

/// Every second interface of a host, so that no two records are neighbours.
fn claims(c: &mut Criterion) {
    let mut group = c.benchmark_group("claims");
    for size in [1_000, 10_000] {
        let directory = tempfile::tempdir().expect("there is a folder for temporary files");
        let claims = Claims::open(directory.path(), Path::new("/run/autora")).expect("a new table");
        let mut claims = claims.with_notes(Ending::Clean);
        let indices = (1..=2 * size).step_by(2).filter_map(IfIndex::new);
        group.bench_function(BenchmarkId::new("each second interface", size), |b| {
            b.iter(|| claim_all(&mut claims, indices.clone()).expect("no other daemon has the table"));
        });
        let held: Vec<_> = indices.clone().map(held).collect();
        group.bench_function(BenchmarkId::new("what guests hold", size), |b| {
            b.iter(|| claims.note(&held).expect("there is room"));
        });
    }
    group.finish();
}

fn claim_all(claims: &mut Claims, indices: impl Iterator<Item = IfIndex>) -> io::Result<()> {
    for index in indices {
        black_box(claims.find(index)?);
        claims.take(index)?;
    }
    claims.close()
}

/// What has to be noted of an interface whose guests hold nothing yet: as much as of any other one.
fn held(index: IfIndex) -> SavedUpdate {
    SavedUpdate::Known(SavedInterface { index, name: format!("vm{index}"), advertised: Advertised::default() })
}

criterion_group!(pure, encode, validation, steps, claims);
criterion_main!(pure);
