//! What people see below `/.doorstep/`.

mod accessible;
mod challenge;
mod phones;
mod pictures;
