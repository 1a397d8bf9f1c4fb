use super::{
    super::{
        may, must, plain,
        rules::{DEVIATIONS, SECTIONS},
        should,
    },
    *,
};
use crate::workspace::Workspace;

const HERE: &str = "conformance/check_tests::each_fault_is_found";
const RENAMED: &str = "conformance/check_tests::renamed";
const KNOWN: Deviation = Deviation { name: "known", reason: "because" };

fn sources() -> Sources {
    Sources::new(Workspace::locate().root())
}

fn with(deviations: &[Deviation]) -> Vec<Deviation> {
    [DEVIATIONS, deviations].concat()
}

/// What is found where these rules stand in a section of their own behind the real ones.
fn problems_of(musts: u8, shoulds: u8, rules: &'static [Rule]) -> Vec<String> {
    let section = Section { document: "RFC 1", number: "2", title: "a title", musts, shoulds, rules };
    let mut found = problems(&[SECTIONS, &[section]].concat(), &with(&[KNOWN]), &sources());
    found.retain(|problem| problem != "no rule has the deviation known");
    found
}

#[test]
fn a_sound_section_has_no_problems() {
    const RULES: &[Rule] = &[
        must(1, "a", "a rule").shown(&[HERE]),
        must(1, "b", "another of the same MUST").deviates("known", &[]),
        should(1, "c", "a rule").not_ours("it is for others"),
        may("d", "a rule").shown(&[HERE]),
        plain("e", "a rule").deviates("known", &[HERE]),
    ];
    assert_eq!(problems_of(1, 1, RULES), [""; 0]);
}

#[test]
fn each_fault_is_found() {
    type Fault = (&'static [Rule], u8, u8, &'static str);
    const FAULTS: &[Fault] = &[
        (&[plain("a", "")], 0, 0, " a: neither a test nor a reason"),
        (&[plain("a", "").shown(&[])], 0, 0, " a: shown by no test"),
        (&[plain("a", "").not_ours(" ")], 0, 0, " a: no reason"),
        (&[plain("a", "").deviates("other", &[])], 0, 0, " a: there is no deviation other"),
        (
            &[plain("a", "").shown(&[HERE, HERE])],
            0,
            0,
            " a: the test conformance/check_tests::each_fault_is_found comes twice",
        ),
        (&[may("a", "").shown(&[HERE]), plain("a", "").shown(&[HERE])], 0, 0, ": the rule a comes twice"),
        (&[must(1, "a", "").shown(&[HERE])], 2, 0, ": MUST 2 of 2 has no rule"),
        (&[must(3, "a", "").shown(&[HERE])], 0, 0, ": MUST 3 of 0 does not exist"),
        (&[], 0, 1, ": SHOULD 1 of 1 has no rule"),
    ];
    for (rules, musts, shoulds, expected) in FAULTS {
        assert_eq!(problems_of(*musts, *shoulds, rules), [format!("RFC 1 2{expected}")]);
    }
}

#[test]
fn a_test_that_is_not_run_is_found() {
    for (rules, expected) in [
        (const { &[plain("a", "").shown(&[RENAMED])] }, "renamed does not exist in its file"),
        (const { &[plain("a", "").deviates("known", &[RENAMED])] }, "renamed does not exist in its file"),
        (
            const { &[plain("a", "").shown(&["conformance/moved::one"])] },
            "moved::one is in a file that does not exist",
        ),
        (const { &[plain("a", "").shown(&["one"])] }, "one is not of the form path/of/file::name"),
        (
            const { &[plain("a", "").shown(&["conformance/check_tests::one_that_nobody_runs"])] },
            "one_that_nobody_runs is ignored, and `cargo xtask test` does not ask for it",
        ),
    ] {
        let [problem] = &problems_of(0, 0, rules)[..] else { panic!("one problem: {expected}") };
        assert!(problem.starts_with("RFC 1 2 a: the test ") && problem.ends_with(expected), "{problem}");
    }
}

#[test]
fn faults_of_the_list_of_deviations_are_found() {
    let of = |deviation| problems(SECTIONS, &with(&[deviation]), &sources());
    assert_eq!(of(KNOWN), ["no rule has the deviation known"]);
    let first = DEVIATIONS[0];
    assert_eq!(of(first), [format!("the deviation {} comes twice", first.name)]);
    let mute = format!("the deviation {} has no reason", first.name);
    assert!(of(Deviation { reason: "", ..first }).contains(&mute));
}

#[test]
fn a_section_that_is_left_out_or_comes_twice_is_found() {
    let found = problems(&SECTIONS[..1], DEVIATIONS, &sources());
    for section in ["RFC 4861 6.2.8 is missing", "RFC 6980 5 is missing", "v6LC 2.2.9 is missing"] {
        assert!(found.iter().any(|problem| problem == section), "{section} in {found:?}");
    }
    let twice = problems(&[SECTIONS, &SECTIONS[..1]].concat(), DEVIATIONS, &sources());
    assert_eq!(twice, ["the section RFC 4861 6.1.1 comes twice"]);
}

#[test]
#[ignore = "it is here to be found"]
fn one_that_nobody_runs() {}
