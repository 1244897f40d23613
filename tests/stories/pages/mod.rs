//! What people see below `/.doorstep/`.

mod accessible;
mod challenge;
mod desk;
mod own_url;
mod passkeys;
mod phones;
mod pictures;
mod walk;
