//! The commands, as ops type them: the built program, a real directory, real files.

mod basics;
mod dependencies;
mod employees;
mod firms;
mod place;
mod sessions;
