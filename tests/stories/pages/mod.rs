//! What people see below `/.doorstep/`.

mod challenge;
mod phones;
mod pictures;
