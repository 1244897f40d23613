//! Machines that break while people cross. (What a hanging store or directory does stands under I9.)

mod at_rest;
mod crashes;
mod disks;
mod hanging;
mod store;
mod table;
