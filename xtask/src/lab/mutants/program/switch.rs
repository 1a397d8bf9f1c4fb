//! Writes mutants into the code, beside what they replace.
//!
//! Where a mutant has `a == b` in place of `a < b`, the code becomes
//! `(if crate::switch::is(7) { a == b } else { a < b })`. Comments around it say which mutants it belongs to:
//! an error of the compiler has a place, and [`super::blame`] looks what stands around that.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
};

use anyhow::{Context, Result};
use proc_macro2::{LineColumn, Span};
use syn::{
    Arm, BinOp, Block, Expr, ExprBinary, ExprMatch, ExprUnary, ImplItemFn, ItemFn, Pat, PatGuard, TraitItemFn,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::super::{
    mutant::Mutant,
    tree::{LIBRARY, Tree},
};

/// The module that knows the number of the mutant. `is` is called by constant functions; those that the compiler itself
/// calls cannot have a mutant here.
const SWITCH: &str = "\
//! Which mutant the program has.

static mut CURRENT: u32 = 0;

/// Returns whether it is this one.
pub const fn is(number: u32) -> bool {
    unsafe { CURRENT == number }
}
";

/// Reads the number before `main`, while there is one thread. The first failure of a test is enough.
const START: &str = r#"
mod start {
    #[used]
    #[unsafe(link_section = ".init_array")]
    static START: extern "C" fn() = start;

    extern "C" fn start() {
        let number = std::env::var("AUTORA_MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0);
        unsafe { super::CURRENT = number };
        if number != 0 {
            std::panic::set_hook(std::boxed::Box::new(|_| std::process::exit(101)));
        }
    }
}
"#;

/// Its function, as each crate calls it.
const IS: &str = "crate::switch::is";

/// Its declaration.
const DECLARED: &str = "\npub mod switch;\n";

/// Returns the module for each crate, and the roots that declare it, by their paths in the tree.
pub(super) fn modules(tree: &Tree) -> Result<Vec<(&'static str, String)>> {
    const COMMON: &str = "autora-common/src/lib.rs";
    let common = fs::read_to_string(tree.origin(COMMON)).with_context(|| format!("cannot read {COMMON}"))?;
    // autora-common has the standard library only in its tests, and only these try its mutants.
    Ok(vec![
        ("autora/src/switch.rs", format!("{SWITCH}{START}")),
        ("autora/src/lib.rs", format!("{LIBRARY}{DECLARED}")),
        ("autora-common/src/switch.rs", format!("{SWITCH}\n#[cfg(test)]{START}")),
        (COMMON, format!("{common}{DECLARED}")),
    ])
}

/// Writes mutants, each with its number, into the source of their file. Returns the numbers of those that can be
/// written, and the source.
pub(super) fn write(source: &str, mutants: &[(usize, &Mutant)]) -> Result<(BTreeSet<usize>, String)> {
    let file = syn::parse_file(source).context("the compiler reads it, and syn does not")?;
    let mut at: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (number, mutant) in mutants {
        let (line, column) = mutant.place().with_context(|| format!("a mutant without a place: {}", mutant.name))?;
        at.entry((line, column)).or_default().push((*number, mutant.change()));
    }
    let mut writer = Writer { source, at, insertions: Vec::new(), written: BTreeSet::new() };
    writer.visit_file(&file);
    Ok((writer.written, inserted(source, writer.insertions)))
}

/// What surrounds a part of the source. Of those with the same range the earlier kind is the outer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Body,
    Match,
    Arm,
    Guard,
    Operator,
}

/// Text that goes before a byte of the source.
struct Insertion {
    at: usize,
    kind: Kind,
    /// For text that closes: where the surrounded part begins. For text that opens: where it ends.
    other_end: usize,
    opens: bool,
    text: String,
}

impl Insertion {
    /// Before the same byte, what is closed comes before what is opened, and what is inside lies inside.
    fn order(&self) -> (usize, bool, Reverse<usize>, u8) {
        let kind = if self.opens { self.kind as u8 } else { u8::MAX - self.kind as u8 };
        (self.at, self.opens, Reverse(self.other_end), kind)
    }
}

fn inserted(source: &str, mut insertions: Vec<Insertion>) -> String {
    insertions.sort_by_key(Insertion::order);
    let (mut text, mut from) = (String::new(), 0);
    for Insertion { at, text: new, .. } in insertions {
        text += &source[from..at];
        text += &new;
        from = at;
    }
    text + &source[from..]
}

struct Writer<'a> {
    source: &'a str,
    /// The mutants by line and column, each with its number and what changes.
    at: BTreeMap<(usize, usize), Vec<(usize, &'a str)>>,
    insertions: Vec<Insertion>,
    written: BTreeSet<usize>,
}

impl<'a> Writer<'a> {
    /// Returns the mutants at `place` whose change begins like this, with what follows.
    fn mutants(&self, place: Span, beginning: &str) -> Vec<(usize, &'a str)> {
        let LineColumn { line, column } = place.start();
        let here = self.at.get(&(line, column + 1)).into_iter().flatten();
        here.filter_map(|(number, change)| Some((*number, change.strip_prefix(beginning)?))).collect()
    }

    /// Surrounds a part of the source for the mutants with these numbers.
    fn surround(&mut self, kind: Kind, range: Range<usize>, numbers: &[usize], before: &str, after: &str) {
        let Range { start, end } = range;
        let before = format!("{}{before}", opening(numbers));
        let after = format!("{after}{CLOSING}");
        self.insertions.push(Insertion { at: start, kind, other_end: end, opens: true, text: before });
        self.insertions.push(Insertion { at: end, kind, other_end: start, opens: false, text: after });
        self.written.extend(numbers);
    }

    /// Lets a function return something else at once. Where that is of another type than the rest of the function (an
    /// `impl Iterator` has only one) the compiler names the rest.
    fn write_body(&mut self, block: &Block) {
        let Some((first, last)) = block.stmts.first().zip(block.stmts.last()) else { return };
        let found = self.mutants(first.span(), "replace ");
        let found = found.iter().filter(|(_, change)| !change.starts_with("match guard "));
        let found = found.filter_map(|(number, change)| Some((*number, change.rsplit_once(" with ")?.1)));
        let (numbers, returns): (Vec<_>, String) = found
            .map(|(number, value)| {
                let returns = format!("{}if {} {{ return {value}; }}{CLOSING}", opening(&[number]), is(number));
                (number, returns)
            })
            .unzip();
        if !numbers.is_empty() {
            let range = first.span().byte_range().start..last.span().byte_range().end;
            self.surround(Kind::Body, range, &numbers, &returns, "");
        }
    }

    /// Returns the mutant that deletes an arm.
    fn deletion(&self, arm: &Arm) -> Option<usize> {
        let found = self.mutants(arm.span(), "delete match arm ");
        found.first().map(|(number, _)| *number).filter(|_| !matches!(arm.pat, Pat::Guard(_)))
    }

    /// Puts alternatives before an expression.
    fn write_alternatives(&mut self, range: Range<usize>, alternatives: &[(usize, String)]) {
        let numbers: Vec<_> = alternatives.iter().map(|(number, _)| *number).collect();
        if numbers.is_empty() {
            return;
        }
        let chosen = alternatives
            .iter()
            .map(|(number, text)| format!("if {} {}{{ {text} }}{CLOSING} else ", is(*number), opening(&[*number])));
        self.surround(Kind::Operator, range, &numbers, &format!("({}{{ ", chosen.collect::<String>()), " })");
    }
}

impl<'ast> Visit<'ast> for Writer<'_> {
    fn visit_item_fn(&mut self, node: &'ast ItemFn) {
        self.write_body(&node.block);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast ImplItemFn) {
        self.write_body(&node.block);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast TraitItemFn) {
        if let Some(block) = &node.default {
            self.write_body(block);
        }
        visit::visit_trait_item_fn(self, node);
    }

    fn visit_expr_binary(&mut self, node: &'ast ExprBinary) {
        let operator = node.op.span().byte_range();
        let range = node.left.span().byte_range().start..node.right.span().byte_range().end;
        let (left, right) = (&self.source[range.start..operator.start], &self.source[operator.end..range.end]);
        let replaced = format!("replace {} with ", &self.source[operator]);
        let found = self.mutants(node.op.span(), &replaced).into_iter();
        let found = found.map(|(number, rest)| (number, rest.split_once(" in ").map_or(rest, |(new, _)| new)));
        if !binds(node) {
            let alternatives: Vec<_> = found.map(|(number, new)| (number, format!("{left}{new}{right}"))).collect();
            self.write_alternatives(range, &alternatives);
        }
        visit::visit_expr_binary(self, node);
    }

    fn visit_expr_unary(&mut self, node: &'ast ExprUnary) {
        let operator = node.op.span().byte_range();
        let range = operator.start..node.expr.span().byte_range().end;
        let operand = &self.source[operator.end..range.end];
        let found = self.mutants(node.op.span(), &format!("delete {}", &self.source[operator]));
        let alternatives: Vec<_> = found.into_iter().map(|(number, _)| (number, operand.to_owned())).collect();
        self.write_alternatives(range, &alternatives);
        visit::visit_expr_unary(self, node);
    }

    /// An arm is deleted by a guard that does not hold. Where the compiler then finds that an arm is missing, it names
    /// the beginning of the match.
    fn visit_expr_match(&mut self, node: &'ast ExprMatch) {
        let deleted: Vec<_> = node.arms.iter().filter_map(|arm| Some((self.deletion(arm)?, arm))).collect();
        for (number, arm) in &deleted {
            let guard = format!(" if !{}", is(*number));
            self.surround(Kind::Arm, arm.pat.span().byte_range(), &[*number], "", &guard);
        }
        if !deleted.is_empty() {
            let numbers: Vec<_> = deleted.iter().map(|(number, _)| *number).collect();
            let range = node.match_token.span.byte_range().start..node.brace_token.span.close().byte_range().end;
            self.surround(Kind::Match, range, &numbers, "", "");
        }
        visit::visit_expr_match(self, node);
    }

    fn visit_pat_guard(&mut self, node: &'ast PatGuard) {
        let found = self.mutants(node.guard.span(), "replace match guard ");
        let values = found.iter().filter_map(|(number, change)| Some((*number, change.rsplit_once(" with ")?.1)));
        // With both of them: `is(1) || !is(2) && (guard)`.
        let condition = |is, value: &str| if value.starts_with("true") { is + " || " } else { format!("!{is} && ") };
        let conditions: String = values.map(|(number, value)| condition(is(number), value)).collect();
        let numbers: Vec<_> = found.iter().map(|(number, _)| *number).collect();
        if !numbers.is_empty() {
            let range = node.guard.span().byte_range();
            self.surround(Kind::Guard, range, &numbers, &format!("({conditions}("), "))");
        }
        visit::visit_pat_guard(self, node);
    }
}

/// Returns whether an `&&` belongs to a chain with `let`, which is no expression of its own.
fn binds(node: &ExprBinary) -> bool {
    let side = |expr: &Expr| matches!(expr, Expr::Let(_)) || matches!(expr, Expr::Binary(inner) if binds(inner));
    matches!(node.op, BinOp::And(_)) && (side(&node.left) || side(&node.right))
}

fn is(number: usize) -> String {
    format!("{IS}({number})")
}

/// Begins what belongs to mutants.
fn opening(numbers: &[usize]) -> String {
    let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
    format!("{OPENING}{}*/", numbers.join(" "))
}

pub(super) const OPENING: &str = "/*<";
pub(super) const CLOSING: &str = "/*>*/";

#[cfg(test)]
mod tests {
    use super::{super::super::mutant, *};

    /// Writes the mutants of a list of cargo-mutants, without the comments.
    fn check(source: &str, list: &str, expected: &str) {
        let all = mutant::read(list);
        let numbered: Vec<_> = (1..).zip(&all).collect();
        let (numbers, text) = write(source, &numbered).expect("it parses");
        assert_eq!(numbers.len(), all.len(), "{list}");
        let opened = text.replace(CLOSING, "").replace("crate::switch::", "");
        let plain: String = opened.split(OPENING).enumerate().fold(String::new(), |text, (at, part)| {
            text + if at == 0 { part } else { part.split_once("*/").expect("a comment ends").1 }
        });
        assert_eq!(plain, expected);
        syn::parse_file(&text).expect("the compiler reads it");
    }

    #[test]
    fn an_operator_has_its_alternatives_beside_it() {
        check(
            "fn f() -> bool { a < b + 1 && !c }",
            "x.rs:1:20: replace < with == in f\nx.rs:1:20: replace < with > in f\n",
            "fn f() -> bool { (if is(1) { a == b + 1 } else if is(2) { a > b + 1 } else { a < b + 1 }) && !c }",
        );
        check(
            "fn f() -> bool { a && !c }",
            "x.rs:1:20: replace && with || in f\nx.rs:1:23: delete ! in f\n",
            "fn f() -> bool { (if is(1) { a || !c } else { a && (if is(2) { c } else { !c }) }) }",
        );
        check(
            "fn f() { self.n += 1; }",
            "x.rs:1:17: replace += with -= in f\n",
            "fn f() { (if is(1) { self.n -= 1 } else { self.n += 1 }); }",
        );
    }

    #[test]
    fn a_function_returns_early() {
        check(
            "fn f() -> bool { a == b }",
            "x.rs:1:18: replace f -> bool with true\nx.rs:1:20: replace == with != in f\n",
            "fn f() -> bool { if is(1) { return true; }(if is(2) { a != b } else { a == b }) }",
        );
    }

    #[test]
    fn an_arm_and_a_guard_are_switched() {
        check(
            "fn f() { match a { A | B => 1, C if d == e => 2, _ => 3 } }",
            "x.rs:1:20: delete match arm A | B in f\nx.rs:1:37: replace match guard d == e with true in f\n\
             x.rs:1:37: replace match guard d == e with false in f\nx.rs:1:39: replace == with != in f\n",
            "fn f() { match a { A | B if !is(1) => 1, \
             C if (is(2) || !is(3) && ((if is(4) { d != e } else { d == e }))) => 2, _ => 3 } }",
        );
    }

    #[test]
    fn what_is_no_expression_is_left_out() {
        let list = "x.rs:1:29: replace && with || in f\nx.rs:1:34: replace == with != in f\n";
        let (source, all) = ("fn f() { if let Some(a) = b && a == c {} }", mutant::read(list));
        let numbered: Vec<_> = (1..).zip(&all).collect();
        let (numbers, _) = write(source, &numbered).expect("it parses");
        assert_eq!(numbers, BTreeSet::from([2]), "the chain has no mutant, and its part has");
    }
}
