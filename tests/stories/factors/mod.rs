//! Factors and the services behind them, over the real gateway.

mod alerts;
pub mod phone;
mod phone_only;
mod places;
mod push_service;
mod vendor;
mod vendor_push;
mod web_push;
