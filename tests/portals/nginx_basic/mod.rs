//! Debian's nginx with `auth_basic`: credentials with each request, and large files.

pub mod start;
