//! Stories: what people, portals, intruders and broken machines do at the doorstep, told against the real
//! program with real stores. `tests/run` tells them all.

mod support;

mod harness;
