//! Portals that nobody has written for doorstep.

mod chromium_django;
mod rules;
