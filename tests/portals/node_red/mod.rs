//! Node-RED (npm `node-red`): a single-page editor, a bearer token, a WebSocket.

pub mod start;
