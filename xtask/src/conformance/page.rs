//! The page that people read.

use super::{Deviation, Level, Proof, Rule, Section, sources::Sources};

const INTRODUCTION: &str = "\
# Conformance

What RFC 4861 (Neighbor Discovery), RFC 6980, RFC 8319 and RFC 9096 ask of a router that sends Router Advertisements, and the
router's cases of the IPv6 Ready core tests (v6LC), with the test that shows each rule or the deviation and its reason.

`cargo xtask conformance` writes this page from the table in `xtask/src/conformance/rules`, so do not edit it by hand.
`cargo xtask test` fails when the page is not what the table gives, when a rule has neither a test nor a reason, when a
MUST or SHOULD of these sections has no rule, or when a test that is named here is not there or not run. The rules are
told in words of our own; *MUST 2* is the second MUST in the text of the section.

Tests under `tests/` run against the real kernel, those under `autora/` in virtual time. `cargo xtask test` runs all of them.
";

/// All of it.
pub(super) fn render(sections: &[Section], deviations: &[Deviation], sources: &Sources) -> String {
    let short = format!("\nIn short: {}.\n", summary(sections));
    let sections = sections.iter().map(|section| chapter(section, sources));
    [INTRODUCTION.to_owned(), short, list(deviations)].into_iter().chain(sections).collect()
}

fn list(deviations: &[Deviation]) -> String {
    let head = "\n## Deviations\n\n| deviation | what is different, and why |\n|---|---|\n".to_owned();
    let line = |Deviation { name, reason }: &Deviation| {
        format!("| <a id=\"{name}\"></a>{name} | {} |\n", cell(reason))
    };
    [head].into_iter().chain(deviations.iter().map(line)).collect()
}

fn chapter(section: &Section, sources: &Sources) -> String {
    let Section { document, number, title, rules, .. } = section;
    let head =
        format!("\n## {document} {number}: {title}\n\n| rule | it asks | how it is met |\n|---|---|---|\n");
    [head].into_iter().chain(rules.iter().map(|rule| row(rule, sources))).collect()
}

/// How many rules there are, of which kind.
pub(super) fn summary(sections: &[Section]) -> String {
    let rules = || sections.iter().flat_map(|section| section.rules);
    let count = |which: fn(&Proof) -> bool| rules().filter(|rule| which(&rule.proof)).count();
    format!(
        "{} rules, of which tests show {}, {} deviate, and {} ask nothing of this daemon",
        rules().count(),
        count(|proof| matches!(proof, Proof::Shown(_))),
        count(|proof| matches!(proof, Proof::Deviates(..))),
        count(|proof| matches!(proof, Proof::NotOurs(_))),
    )
}

fn row(rule: &Rule, sources: &Sources) -> String {
    let level = match rule.level {
        Level::Must(number) => format!(" (MUST {number})"),
        Level::Should(number) => format!(" (SHOULD {number})"),
        Level::May => " (MAY)".to_owned(),
        Level::Plain => String::new(),
    };
    let tests = rule.tests().iter().map(|test| link(test, sources));
    let met: Vec<_> = match rule.proof {
        Proof::Open => vec![],
        Proof::Shown(_) => tests.collect(),
        Proof::Deviates(name, _) => {
            [format!("deviation: [{name}](#{name})")].into_iter().chain(tests).collect()
        }
        Proof::NotOurs(reason) => vec![format!("not ours: {}", cell(reason))],
    };
    format!("| {}{level} | {} | {} |\n", rule.id, cell(rule.text), met.join("<br>"))
}

fn link(test: &str, sources: &Sources) -> String {
    sources.find(test).map_or_else(|_| test.to_owned(), |found| format!("[`{test}`]({})", found.file))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{must, plain},
        *,
    };
    use crate::workspace::Workspace;

    #[test]
    fn a_page_of_three_rows() {
        const SECTION: Section = Section {
            document: "RFC 1",
            number: "2.3",
            title: "A title",
            musts: 1,
            shoulds: 0,
            rules: &[
                must(1, "a", "this | that").shown(&["conformance/page::a_page_of_three_rows"]),
                plain("b", "more").deviates("other", &[]),
                plain("c", "yet more").not_ours("it is for hosts"),
            ],
        };
        let deviations = [Deviation { name: "other", reason: "why not" }];
        let page = render(&[SECTION], &deviations, &Sources::new(Workspace::locate().root()));
        for part in [
            "In short: 3 rules, of which tests show 1, 1 deviate, and 1 ask nothing of this daemon.\n",
            "| <a id=\"other\"></a>other | why not |\n",
            "\n## RFC 1 2.3: A title\n",
            "| a (MUST 1) | this \\| that | [`conformance/page::a_page_of_three_rows`](xtask/src/conformance/page.rs) |\n",
            "| b | more | deviation: [other](#other) |\n",
            "| c | yet more | not ours: it is for hosts |\n",
        ] {
            assert!(page.contains(part), "{part}\nis not in\n{page}");
        }
    }
}
