//! The rules of the code: which layer may import which, how long a file may be, and which words the project uses.
//!
//! They are read off the sources themselves, so a new file is under them without being named anywhere. `syn` reads what
//! the compiler would, without `cfg(test)`.

mod graph;
mod layers;
mod length;
mod source;
mod words;
