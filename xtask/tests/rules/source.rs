//! The modules of a crate, and what each imports.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Item, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the xtask package lies directly in the workspace")
}

/// The path of a module from the root of its crate: empty for the root itself.
type ModulePath = Vec<String>;

/// A crate: its modules without those of `cfg(test)`.
pub(crate) struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

/// A module, in a file of its own or within another one.
struct Module {
    file: PathBuf,
    items: Vec<Item>,
}

/// An import: `from` needs something that `to` defines. Both are relative to the workspace's root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
}

impl Crate {
    /// Reads the crate whose root is `root_file` (`lib.rs`, `main.rs`), with all the files that it declares.
    pub(crate) fn read(root_file: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read_file(&mut modules, &root().join(root_file), Vec::new());
        Self { modules }
    }

    /// The files, relative to the workspace's root.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.modules.values().map(|module| relative(&module.file))
    }

    /// All imports between different files of the crate.
    pub(crate) fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: Vec<_> = self.modules.iter().flat_map(|(path, module)| self.arrows_of(path, module)).collect();
        arrows.sort();
        arrows.dedup();
        arrows
    }

    fn arrows_of(&self, path: &ModulePath, module: &Module) -> Vec<Arrow> {
        let mut imports = Imports::default();
        module.items.iter().for_each(|item| imports.visit_item(item));
        let targets = imports.paths.iter().filter_map(|import| self.resolve(path, import, 0));
        let others = targets.filter(|target| target.file != module.file);
        others.map(|target| Arrow { from: relative(&module.file), to: relative(&target.file) }).collect()
    }

    /// The module that defines what `import` names, as seen from the module at `from`; `None` where that is another
    /// crate.
    fn resolve(&self, from: &ModulePath, import: &Import, depth: usize) -> Option<&Module> {
        let mut at = from.clone();
        let mut names = import.names.iter().peekable();
        match names.peek()?.as_str() {
            "crate" => {
                at.clear();
                names.next();
            }
            "self" => drop(names.next()),
            "super" => {}
            first if self.has_child(&at, first) => {}
            _ => return None,
        }
        for name in names {
            if name == "super" {
                at.pop();
            } else if self.has_child(&at, name) {
                at.push(name.clone());
            } else {
                return self.definition(&at, name, depth);
            }
        }
        // A parent that hands on what its children define does not need it.
        let hands_on = import.public && at.starts_with(from);
        (!hands_on).then(|| &self.modules[&at])
    }

    /// The module where `name` is defined, which the module at `at` may have from another one.
    fn definition(&self, at: &ModulePath, name: &str, depth: usize) -> Option<&Module> {
        let module = &self.modules[at];
        let mut imports = Imports::default();
        let uses = module.items.iter().filter(|item| matches!(item, Item::Use(_)));
        uses.for_each(|item| imports.visit_item(item));
        let handed_on = imports.paths.iter().find(|import| import.visible_as(name));
        match handed_on {
            Some(import) if depth < 8 => self.resolve(at, &Import { public: false, ..import.clone() }, depth + 1),
            Some(_) | None => Some(module),
        }
    }

    fn has_child(&self, at: &ModulePath, name: &str) -> bool {
        self.modules.contains_key(&[at.as_slice(), &[name.to_owned()]].concat())
    }
}

/// Parses a file of Rust.
pub(crate) fn parse(file: &Path) -> syn::File {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn read_file(modules: &mut BTreeMap<ModulePath, Module>, file: &Path, path: ModulePath) {
    enter(modules, file, path, parse(file).items);
}

fn enter(modules: &mut BTreeMap<ModulePath, Module>, file: &Path, path: ModulePath, mut items: Vec<Item>) {
    for item in &mut items {
        if let Item::Mod(child) = item
            && !is_for_tests(&child.attrs)
        {
            let name = child.ident.to_string();
            let below = [path.as_slice(), std::slice::from_ref(&name)].concat();
            match child.content.take() {
                Some((_, items)) => enter(modules, file, below, items),
                None => read_file(modules, &file_of(file, &name, &child.attrs), below),
            }
        }
    }
    modules.insert(path, Module { file: file.to_owned(), items });
}

/// The file of a module that `parent` declares.
fn file_of(parent: &Path, name: &str, attributes: &[Attribute]) -> PathBuf {
    let folder = parent.parent().expect("a file lies in a folder");
    if let Some(path) = attributes.iter().find_map(path_attribute) {
        return folder.join(path);
    }
    let stem = parent.file_stem().and_then(|stem| stem.to_str()).expect("sources have plain names");
    let below = if ["lib", "main", "mod"].contains(&stem) { folder.to_owned() } else { folder.join(stem) };
    let alone = below.join(name).with_extension("rs");
    if alone.exists() { alone } else { below.join(name).join("mod.rs") }
}

/// The value of `#[path = "..."]`.
fn path_attribute(attribute: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &pair.value else { return None };
    pair.path.is_ident("path").then(|| path.value())
}

/// A file by its path in the workspace, without the way up and down of a `#[path]`.
fn relative(file: &Path) -> PathBuf {
    let file = file.canonicalize().expect("every source exists");
    file.strip_prefix(root().canonicalize().expect("the workspace exists"))
        .expect("every source lies in the workspace")
        .to_owned()
}

/// Whether an item is compiled for tests, benches or fuzzers alone.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let tokens = match &attribute.meta {
            syn::Meta::List(list) => list.tokens.to_string(),
            syn::Meta::Path(_) | syn::Meta::NameValue(_) => String::new(),
        };
        tokens == "test" || tokens.contains("fuzzing") && !tokens.contains("not")
    })
}

/// A path that names something, with the name under which a `use` makes it known.
#[derive(Clone)]
struct Import {
    names: Vec<String>,
    known_as: Option<String>,
    public: bool,
}

impl Import {
    fn visible_as(&self, name: &str) -> bool {
        self.known_as.as_deref() == Some(name)
    }
}

#[derive(Default)]
struct Imports {
    paths: Vec<Import>,
}

impl Imports {
    fn tree(&mut self, before: &[String], tree: &UseTree, public: bool) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree, public),
            UseTree::Name(name) => self.leaf(before, &name.ident, &name.ident, public),
            UseTree::Rename(rename) => self.leaf(before, &rename.ident, &rename.rename, public),
            UseTree::Glob(_) => {
                self.paths.push(Import { names: before.to_vec(), known_as: None, public });
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree, public)),
        }
    }

    /// `use a::{self}` makes `a` known by its own name.
    fn leaf(&mut self, before: &[String], ident: &syn::Ident, known_as: &syn::Ident, public: bool) {
        let is_self = ident == "self" && !before.is_empty();
        let names = if is_self { before.to_vec() } else { [before, &[ident.to_string()]].concat() };
        let known_as = if known_as == "self" { before.last().cloned() } else { Some(known_as.to_string()) };
        self.paths.push(Import { names, known_as, public });
    }
}

impl<'ast> Visit<'ast> for Imports {
    #[expect(clippy::wildcard_enum_match_arm, reason = "syn's enum is not exhaustive")]
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            // Modules are walked by themselves.
            Item::Mod(_) => return,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&[], &item.tree, !matches!(item.vis, Visibility::Inherited));
    }

    /// `pub(in crate::a)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.paths.push(Import { names, known_as: None, public: false });
        }
        visit::visit_path(self, path);
    }

    /// What stands in a macro's arguments is no syntax yet: paths in it are runs of names and `::`.
    fn visit_macro(&mut self, makro: &'ast syn::Macro) {
        visit::visit_macro(self, makro);
        let text = makro.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            let names: Vec<_> = word.split("::").map(str::to_owned).collect();
            if names.len() > 1 && ["crate", "self", "super"].contains(&names[0].as_str()) {
                self.paths.push(Import { names, known_as: None, public: false });
            }
        }
    }
}
