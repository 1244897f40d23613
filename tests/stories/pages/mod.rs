//! What people see below `/.doorstep/`.

mod challenge;
mod own_url;
mod passkeys;
mod phones;
mod pictures;
