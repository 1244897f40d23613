//! Portals that nobody has written for doorstep. Each is installed by `tests/run`, started by its `start` on a
//! free port of the loopback, in a folder of its own, and stopped by its process id.

pub mod app;
pub mod django_admin;
pub mod dokuwiki;
pub mod nginx_basic;
pub mod node_red;
pub mod same;
pub mod site;

mod chromium_step_up;
mod fixtures;
mod forward_auth;
mod rules;
mod step_up;
