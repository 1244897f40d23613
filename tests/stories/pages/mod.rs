//! What people see below `/.doorstep/`.

mod accessible;
mod challenge;
mod desk;
mod phones;
mod pictures;
