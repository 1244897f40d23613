//! All that knows pingora: listeners, the hygiene of a head, forwarding, the login exchange, and the bridge
//! to own pages.

mod answer;
mod arrival;
mod client;
mod collect;
mod door;
mod exchange;
mod headers;
mod hygiene;
mod live;
mod login;
mod ops;
mod own;
mod passage;
mod proxy;
mod run;
mod start;
mod upstream;

pub use run::run;
