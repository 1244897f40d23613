//! All that knows pingora: listeners, the hygiene of a head, forwarding, the login exchange, and the bridge
//! to own pages.

mod alert;
mod answer;
mod arrival;
mod attempts;
mod basic;
mod client;
mod collect;
mod connections;
mod credentials;
mod door;
mod entrance;
mod exchange;
mod forward;
mod front;
mod headers;
pub(crate) mod hygiene;
mod interrupted;
mod lines;
mod live;
mod login;
mod long;
mod machine;
mod messages;
mod ops;
mod own;
mod pace;
mod passage;
mod probe;
mod proxy;
mod recognise;
mod record;
mod record_wire;
mod refuse;
mod run;
mod sides;
mod start;
mod step_up;
mod upstream;

pub use record::Recorder;
pub use run::run;
