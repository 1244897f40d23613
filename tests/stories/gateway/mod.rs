//! The gateway before the sample portal, over memory and over Redis: one file per group of promises.

mod callbacks;
mod conformance;
mod crossing;
mod i10_changes;
mod i11_headers;
mod i12_logs;
mod i13_connections;
mod i1_exceptions;
mod i1_second_factor;
mod i2_paths;
mod i3_cookies;
mod i4_identity;
mod i5_withholding;
mod i6_store;
mod i7_single_use;
mod i8_lock;
mod i9_outages;
mod operations;
mod resume;
mod streams;
