//! Portals that nobody has written for doorstep.

mod chromium_django;
mod chromium_step_up;
mod rules;
mod step_up;
