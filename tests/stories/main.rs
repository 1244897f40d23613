//! Stories: what people, portals, intruders and broken machines do at the doorstep, told against the real
//! program with real stores. `tests/run` tells them all.

#[macro_use]
mod support;

#[path = "../attacks/mod.rs"]
mod attacks;
mod demo;
mod factors;
mod faults;
mod gateway;
mod harness;
mod pages;
#[path = "../portals/mod.rs"]
mod portals;
