//! Links of every kind on one kernel of Debian: each is made with a guest's own kernel at its other end, and what the
//! daemon does there is compared with what it has to do.

mod kinds;
mod link;
mod scene;

use std::{
    env,
    path::Path,
    process::{Command, ExitCode, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::Result;
use autora_tests::{Namespace, terminal::Screen};

use self::kinds::{Column, Kind, SCENES, Scene};
use crate::machine::{Machine, Plan, Tools};

/// It takes some three minutes when emulated; the rest is for a busy host.
const LONGEST: Duration = Duration::from_secs(600);

/// MiB: the root is in memory, and each guest's namespace has links of its own.
const MEMORY: u32 = 768;

const HEADER: [&str; Column::COUNT + 2] = ["link", "state", "guest", "RS", "probe", "stop", ""];

/// What the machine reported.
struct Report {
    marks: Vec<String>,
    tail: String,
}

pub(crate) fn run(tools: &Tools, kernel: &Path) -> ExitCode {
    let mut screen = Screen::new();
    match boot(tools, kernel) {
        Ok(report) => report.show(&mut screen),
        Err(error) => screen.check(false, &format!("{error:#}")),
    }
    screen.verdict()
}

/// Inside: runs each scene in a process of its own, so that one that fails takes no other with it.
pub(crate) fn scenes() -> ExitCode {
    let program = env::current_exe().expect("a process knows its program");
    for place in 0..SCENES.len() {
        let done = Command::new(&program).args(["link-scene", &place.to_string()]).status();
        if !done.as_ref().is_ok_and(ExitStatus::success) {
            println!("@@ failed scene {place}: {done:?}");
        }
    }
    ExitCode::SUCCESS
}

/// Inside: runs one scene.
pub(crate) fn scene(place: usize) -> ExitCode {
    scene::run(place);
    ExitCode::SUCCESS
}

fn boot(tools: &Tools, kernel: &Path) -> Result<Report> {
    let namespace = Namespace::new("links");
    let plan = Plan::without_card(kernel, "links", tools.userland(), &namespace, MEMORY);
    let mut machine = Machine::start(tools, &plan)?;
    let marks = machine.console.marks(Instant::now() + LONGEST);
    Ok(Report { marks, tail: machine.console.tail() })
}

impl Report {
    fn show(&self, screen: &mut Screen) {
        screen.title(&format!("Linux {}", self.about("boot").next().unwrap_or("did not start")));
        for (place, scene) in SCENES.iter().enumerate() {
            self.show_scene(screen, place, scene);
        }
        let remarks = self.about("warning").chain(self.about("failed"));
        remarks.for_each(|remark| screen.line(remark));
        if !SCENES.iter().enumerate().all(|(place, scene)| self.is_complete(place, scene)) {
            screen.line(&self.tail);
        }
    }

    fn show_scene(&self, screen: &mut Screen, place: usize, scene: &Scene) {
        screen.section(scene.title);
        screen.table(HEADER, scene.kinds.iter().map(|kind| self.row(place, kind)));
        for kind in scene.kinds.iter().filter(|kind| !self.holds(place, kind)) {
            screen.check(false, &format!("{}: expected {}", kind.name, kind.expected.join(", ")));
        }
        let holding = scene.kinds.iter().filter(|kind| self.holds(place, kind)).count();
        screen.check(holding == scene.kinds.len(), &format!("{holding} of {} as expected", scene.kinds.len()));
    }

    fn row(&self, place: usize, kind: &Kind) -> [String; Column::COUNT + 2] {
        let seen = self.seen(place, kind).unwrap_or(["not reported"; Column::COUNT]);
        let verdict = if seen == kind.expected { "ok" } else { "FAILED" };
        let [state, guest, solicitation, probe, stop] = seen;
        [kind.name, state, guest, solicitation, probe, stop, verdict].map(str::to_owned)
    }

    fn holds(&self, place: usize, kind: &Kind) -> bool {
        self.seen(place, kind) == Some(kind.expected)
    }

    fn is_complete(&self, place: usize, scene: &Scene) -> bool {
        scene.kinds.iter().all(|kind| self.seen(place, kind).is_some())
    }

    /// Returns what was seen of a link, if it was reported.
    fn seen(&self, place: usize, kind: &Kind) -> Option<[&str; Column::COUNT]> {
        let about = format!("{place}|{}|", kind.name);
        let seen = self.about("link").find_map(|mark| mark.strip_prefix(&about))?;
        seen.split('|').collect::<Vec<_>>().try_into().ok()
    }

    /// Returns the values of all marks of a name.
    fn about<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.marks.iter().filter_map(move |mark| mark.strip_prefix(name)?.strip_prefix(' '))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use autora_tests::workspace;

    use super::*;

    fn report(columns: [&str; Column::COUNT]) -> Report {
        let marks = vec!["boot 6.12".to_owned(), format!("link 0|veth|{}", columns.join("|"))];
        Report { marks, tail: String::new() }
    }

    #[test]
    fn a_link_holds_only_where_all_of_it_was_seen() {
        let veth = &SCENES[0].kinds[0];
        assert!(report(veth.expected).holds(0, veth));
        for place in 0..Column::COUNT {
            let mut seen = veth.expected;
            seen[place] = "another";
            assert!(!report(seen).holds(0, veth), "{seen:?}");
        }
        let other = &SCENES[0].kinds[1];
        assert!(!report(veth.expected).holds(0, other), "of another link");
        assert!(!report(veth.expected).holds(1, veth), "of another scene");
        assert_eq!(report(veth.expected).row(0, other)[1], "not reported");
    }

    /// Of those links that are as they were made.
    #[test]
    fn the_handbook_has_every_kind_with_what_is_expected() {
        let page = workspace().join("contrib/docs/src/reference/kernels.md");
        let page = fs::read_to_string(&page).expect("the page is there");
        let (_, section) = page.split_once("\n## Kinds of links\n").expect("it has the section");
        let row = |name: &str| {
            let is_named = |names: &str| names.split(',').any(|one| one.trim() == name);
            let mut rows = section.lines().map(|line| line.split('|').collect::<Vec<_>>());
            rows.find(|cells| cells.get(1).is_some_and(|names| is_named(names)))
        };
        for kind in SCENES[0].kinds.iter().filter(|kind| kind.then.is_empty()) {
            let row = row(kind.name).unwrap_or_else(|| panic!("no row has {}", kind.name));
            let [state, ..] = kind.expected;
            assert!(state.split(',').all(|one| row[2].contains(one)), "{}: {state}: {row:?}", kind.name);
        }
    }

    #[test]
    fn the_links_of_a_scene_have_names_of_their_own() {
        for scene in &SCENES {
            let mut names: Vec<_> = scene.kinds.iter().map(|kind| kind.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), scene.kinds.len(), "{}", scene.title);
            assert!(names.iter().all(|name| !name.contains('|')));
        }
    }
}
